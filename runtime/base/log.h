// runtime/base/log.h -- the logger handle that is passed to whoever decides something.
// The layer that decides the meaning of an event logs it, once, under a stable name
// (docs/OPERATIONS.md has the table). Lines go to stderr, for people or as JSON.
// Thread safety: shared objects safe.
#pragma once

#include <spdlog/logger.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/base/ids.h"

namespace switchyard {

using Log = std::shared_ptr<spdlog::logger>;

enum class LogFormat : std::uint8_t {
  kText,  // [12:00:00.123] [rank 2] [info] view_adopted: 3 members (epoch 4)
  kJson,  // {"ts":"...Z","level":"info","component":"rank","rank":2,"event":"view_adopted",...}
};

// Errors: kUsage for a name that is neither text nor json.
[[nodiscard]] Result<LogFormat> parse_log_format(std::string_view name);

// A logger for stderr. Level: trace, debug, info, warning, error, off. Errors: kUsage for an
// unknown level.
[[nodiscard]] Result<Log> make_log(RankId rank, std::string_view level,
                                   LogFormat format = LogFormat::kText);

// A file for the log of who writes for long. Once it is full it is put aside as NAME.1.EXT (the one
// of before as NAME.2.EXT, up to `kept`, older ones go) and a new one begun; what a file of that
// name holds already stays.
struct LogFile {
  std::string path;
  std::uint64_t bytes_max = 0;
  std::uint32_t kept = 0;  // full files
};
// A logger for it; each line as it is told, with no word of level or time. Errors: kUsage for an
// unknown level, kIo where the file can't be opened.
[[nodiscard]] Result<Log> make_file_log(const LogFile& file, std::string_view level);

// A logger that drops everything; for tests and for parts that were given none.
[[nodiscard]] Log make_null_log();

// What an event is about, besides the rank that logs it; what does not apply stays empty.
struct LogAbout {
  Epoch epoch;
  std::optional<std::uint32_t> request;
  std::string trace_id;
};

// One line for one event. `event`: a stable word of a-z and _.
void log_event(const Log& log, spdlog::level::level_enum level, std::string_view event,
               std::string_view text, const LogAbout& about = {});

}  // namespace switchyard

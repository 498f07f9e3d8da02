#include "runtime/base/log.h"

#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "runtime/base/log_lines.h"

namespace switchyard {

Result<LogFormat> parse_log_format(std::string_view name) {
  if (name == "text") return LogFormat::kText;
  if (name == "json") return LogFormat::kJson;
  return fail(ErrorCode::kUsage, "log format '{}' is unknown; use text or json", name);
}

Result<Log> make_log(RankId rank, std::string_view level, LogFormat format) {
  const auto parsed = spdlog::level::from_str(std::string(level));
  if (parsed == spdlog::level::off && level != "off") {
    return fail(ErrorCode::kUsage,
                "log level '{}' is unknown; use trace, debug, info, warning, error or off", level);
  }
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto log = std::make_shared<spdlog::logger>("switchyard", std::move(sink));
  log->set_formatter(make_line_formatter(rank, format));
  log->set_level(parsed);
  return log;
}

Log make_null_log() {
  return std::make_shared<spdlog::logger>("null", std::make_shared<spdlog::sinks::null_sink_mt>());
}

void log_event(const Log& log, spdlog::level::level_enum level, std::string_view event,
               std::string_view text, const LogAbout& about) {
  if (!log->should_log(level)) return;
  log->log(level, spdlog::string_view_t(pack_event(event, text, about)));
}

}  // namespace switchyard

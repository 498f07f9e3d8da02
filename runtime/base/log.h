// runtime/base/log.h -- the logger handle that is passed to whoever decides something.
// The layer that decides the meaning of an event logs it, once. Lines go to stderr.
// Thread safety: shared objects safe.
#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/base/ids.h"

namespace switchyard {

using Log = std::shared_ptr<spdlog::logger>;

// A logger for stderr: "[12:00:00.123] [rank 2] [info] text". Level: trace, debug, info, warning,
// error, off. Errors: kUsage for an unknown level.
[[nodiscard]] Result<Log> make_log(RankId rank, std::string_view level);

// A logger that drops everything; for tests and for parts that were given none.
[[nodiscard]] Log make_null_log();

}  // namespace switchyard

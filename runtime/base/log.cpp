#include "runtime/base/log.h"

#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace switchyard {

Result<Log> make_log(RankId rank, std::string_view level) {
  const auto parsed = spdlog::level::from_str(std::string(level));
  if (parsed == spdlog::level::off && level != "off") {
    return fail(ErrorCode::kUsage,
                "log level '{}' is unknown; use trace, debug, info, warning, error or off", level);
  }
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto log = std::make_shared<spdlog::logger>("switchyard", std::move(sink));
  log->set_pattern(fmt::format("[%H:%M:%S.%e] [rank {}] [%l] %v", rank.value()));
  log->set_level(parsed);
  return log;
}

Log make_null_log() {
  return std::make_shared<spdlog::logger>("null", std::make_shared<spdlog::sinks::null_sink_mt>());
}

}  // namespace switchyard

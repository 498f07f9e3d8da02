#include "runtime/base/log.h"

#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "runtime/base/log_lines.h"

namespace switchyard {

Result<LogFormat> parse_log_format(std::string_view name) {
  if (name == "text") return LogFormat::kText;
  if (name == "json") return LogFormat::kJson;
  return fail(ErrorCode::kUsage, "log format '{}' is unknown; use text or json", name);
}

namespace {

Result<spdlog::level::level_enum> parse_level(std::string_view level) {
  const auto parsed = spdlog::level::from_str(std::string(level));
  if (parsed == spdlog::level::off && level != "off") {
    return fail(ErrorCode::kUsage,
                "log level '{}' is unknown; use trace, debug, info, warning, error or off", level);
  }
  return parsed;
}

}  // namespace

Result<Log> make_log(RankId rank, std::string_view level, LogFormat format) {
  SY_ASSIGN(const auto parsed, parse_level(level));
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto log = std::make_shared<spdlog::logger>("switchyard", std::move(sink));
  log->set_formatter(make_line_formatter(rank, format));
  log->set_level(parsed);
  return log;
}

Result<Log> make_file_log(const LogFile& file, std::string_view level) {
  SY_ASSIGN(const auto parsed, parse_level(level));
  try {
    auto sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(file.path, file.bytes_max,
                                                                       file.kept);
    auto log = std::make_shared<spdlog::logger>("switchyard", std::move(sink));
    log->set_pattern("%v");
    log->set_level(parsed);
    log->flush_on(spdlog::level::trace);  // whoever reads it while we work sees all of it
    return log;
  } catch (const spdlog::spdlog_ex& error) {
    return fail(ErrorCode::kIo, "log file {}: {}", file.path, error.what());
  }
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

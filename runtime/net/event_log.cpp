#include "runtime/net/event_log.h"

#include <nlohmann/json.hpp>

#include "runtime/base/log_lines.h"
#include "runtime/control/event_about.h"
#include "runtime/control/event_kinds.h"

namespace switchyard::net {
namespace {

nlohmann::ordered_json line(std::string_view level, std::string_view event, std::string_view text) {
  return {{"ts", utc_text(std::chrono::system_clock::now())},
          {"level", level},
          {"component", "controller"},
          {"event", event},
          {"msg", text}};
}

struct Level {
  std::string_view word;
  spdlog::level::level_enum level;
};

Level level_of(std::string_view kind) {
  switch (control::seriousness_of(kind)) {
    case control::Seriousness::kInfo: break;
    case control::Seriousness::kWarning: return {"warning", spdlog::level::warn};
    case control::Seriousness::kError: return {"error", spdlog::level::err};
  }
  return {"info", spdlog::level::info};
}

// Bytes that are no UTF-8 come out as replacement characters.
std::string dump(const nlohmann::ordered_json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void EventLog::event(const control::Event& event) {
  const Level level = level_of(event.kind);
  if (!log_->should_log(level.level)) return;
  auto document = line(level.word, event.kind, event.text);
  document["number"] = event.number;
  const auto about = control::about_json(event.about);
  for (const auto& [key, value] : about.items()) document[key] = value;
  log_->log(level.level, "{}", dump(document));
}

void EventLog::info(std::string_view event, std::string_view text) {
  log_->info("{}", dump(line("info", event, text)));
}

void EventLog::warning(std::string_view event, std::string_view text) {
  log_->warn("{}", dump(line("warning", event, text)));
}

void EventLog::error(std::string_view event, std::string_view text) {
  log_->error("{}", dump(line("error", event, text)));
}

}  // namespace switchyard::net

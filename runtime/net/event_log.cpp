#include "runtime/net/event_log.h"

#include <nlohmann/json.hpp>

#include "runtime/base/log_lines.h"
#include "runtime/control/event_about.h"

namespace switchyard::net {
namespace {

nlohmann::ordered_json line(std::string_view level, std::string_view event, std::string_view text) {
  return {{"ts", utc_text(std::chrono::system_clock::now())},
          {"level", level},
          {"component", "controller"},
          {"event", event},
          {"msg", text}};
}

// Bytes that are no UTF-8 come out as replacement characters.
std::string dump(const nlohmann::ordered_json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void EventLog::event(const control::Event& event) {
  auto document = line("info", event.kind, event.text);
  document["number"] = event.number;
  const auto about = control::about_json(event.about);
  for (const auto& [key, value] : about.items()) document[key] = value;
  log_->info("{}", dump(document));
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

#include "runtime/net/event_log.h"

#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

namespace switchyard::net {
namespace {

std::string utc_now() {
  const auto now = std::chrono::system_clock::now();
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:06}Z", std::string_view(text, size), us.count() % 1'000'000);
}

nlohmann::ordered_json line(std::string_view level, std::string_view event, std::string_view text) {
  return {{"ts", utc_now()},
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

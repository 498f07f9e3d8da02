#include "runtime/control/outbox.h"

#include <utility>

#include "runtime/control/event_about.h"
#include "runtime/control/journal_record.h"

namespace switchyard::control {

void Outbox::send(ConnectionId to, Message message) {
  if (to == ConnectionId()) return;  // its connection is gone: told again when it comes back
  actions_.emplace_back(Send{to, std::move(message)});
}

void Outbox::close(ConnectionId connection, std::string reason) {
  actions_.emplace_back(Close{connection, std::move(reason)});
}

void Outbox::journal(RankId rank, const Message& message) {
  actions_.emplace_back(Journal{encode_record({rank, message})});
}

void Outbox::event(std::string kind, std::string text, EventAbout about) {
  constexpr std::size_t kRecentMax = 32;
  Event event{++event_count_, std::move(kind), std::move(text), std::move(about)};
  tell_watchers(event);
  recent_.emplace_back(now_, event);
  if (recent_.size() > kRecentMax) recent_.pop_front();
  actions_.emplace_back(Log{std::move(event)});
}

void Outbox::note(std::string kind, std::string text, EventAbout about) {
  actions_.emplace_back(
      Log{Event{++event_count_, std::move(kind), std::move(text), std::move(about)}});
}

nlohmann::json Outbox::recent_json(TimePoint now) const {
  nlohmann::json out = nlohmann::json::array();
  for (const auto& [at, event] : recent_) {
    nlohmann::json entry = about_json(event.about);
    entry["number"] = event.number;
    entry["age_s"] = to_seconds(now - at);
    entry["kind"] = event.kind;
    entry["text"] = event.text;
    out.push_back(std::move(entry));
  }
  return out;
}

void Outbox::tell_watchers(const Message& message) {
  for (const ConnectionId watcher : watchers_) send(watcher, message);
}

std::vector<Action> Outbox::take() { return std::exchange(actions_, {}); }

}  // namespace switchyard::control

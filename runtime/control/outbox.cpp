#include "runtime/control/outbox.h"

#include <utility>

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

void Outbox::event(std::string kind, std::string text) {
  Event event{++event_count_, std::move(kind), std::move(text)};
  tell_watchers(event);
  actions_.emplace_back(Log{std::move(event)});
}

void Outbox::tell_watchers(const Message& message) {
  for (const ConnectionId watcher : watchers_) send(watcher, message);
}

std::vector<Action> Outbox::take() { return std::exchange(actions_, {}); }

}  // namespace switchyard::control

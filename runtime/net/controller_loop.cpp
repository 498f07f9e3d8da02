#include "runtime/net/controller_loop.h"

#include <utility>

#include "runtime/control/codec.h"

namespace switchyard::net {

ControllerLoop::ControllerLoop(Brain brain, std::optional<JournalKeeper> journal, EventLog& log,
                               ServerMetrics& metrics, std::function<void(RankId)> spawn)
    : brain_(std::move(brain)),
      journal_(std::move(journal)),
      log_(log),
      metrics_(metrics),
      spawn_(std::move(spawn)) {}

void ControllerLoop::happen(control::Happening happening) {
  if (frozen_) return;
  auto actions = brain_.handle(std::move(happening), clock_.now());
  for (auto& action : actions) {
    std::visit([this](auto& what) { perform(what); }, action);
  }
  settle_journal();
}

// After all actions of a happening the journal and the state agree, so that one can stand for the
// other.
void ControllerLoop::settle_journal() {
  if (!journal_ || !brain_.snapshot) return;
  journal_->settle(clock_.now(), brain_.snapshot);
  metrics_.journal(journal_->size_bytes(), journal_->compactions(), journal_->whole());
  if (journal_->trouble() == journal_trouble_) return;
  journal_trouble_ = journal_->trouble();
  happen(control::JournalNews{journal_trouble_});
}

void ControllerLoop::connected(std::shared_ptr<Peer> peer) {
  const control::Connected what{peer->id(), peer->kind()};
  metrics_.connections(peer->kind()).Increment();
  peers_.emplace(what.connection, std::move(peer));
  happen(what);
}

void ControllerLoop::disconnected(const Peer& peer, std::string reason) {
  metrics_.connections(peer.kind()).Decrement();
  const auto id = peer.id();
  peers_.erase(id);
  happen(control::Disconnected{id, std::move(reason)});
}

void ControllerLoop::received(const Peer& peer, control::Message message) {
  metrics_.received(control::name_of(message)).Increment();
  happen(control::Received{peer.id(), std::move(message)});
}

void ControllerLoop::drained(const Peer& peer) { happen(control::Drained{peer.id()}); }

void ControllerLoop::tick() {
  happen(control::Tick{});
  say_alive();
}

// Where nothing else is said either, agents still see that somebody is there. Those that are not
// welcomed yet expect their welcome before anything else.
void ControllerLoop::say_alive() {
  constexpr std::chrono::seconds kInterval{1};
  const TimePoint now = clock_.now();
  if (frozen_ || now < alive_said_ + kInterval) return;
  alive_said_ = now;
  for (const auto& [id, peer] : peers_) {
    if (peer->seated() && !peer->ending()) {
      peer->send(control::encode(control::Alive{}));
    }
  }
}

control::ConnectionId ControllerLoop::command(control::Message wish, OnAnswer on_answer) {
  const auto id = next_id();
  local_.emplace(id, std::move(on_answer));
  happen(control::Connected{id, control::PeerKind::kClient});
  happen(control::Received{id, std::move(wish)});
  return id;
}

void ControllerLoop::forget(control::ConnectionId id) {
  local_.erase(id);
  happen(control::Disconnected{id, "done"});
}

std::string ControllerLoop::status_json() const { return brain_.status_json(clock_.now()); }

void ControllerLoop::perform(control::Send& action) {
  const auto local = local_.find(action.connection);
  if (local != local_.end()) {
    auto* answer = std::get_if<control::Answer>(&action.message);
    if (answer == nullptr || local->second == nullptr) return;
    const auto on_answer = std::exchange(local->second, nullptr);
    on_answer(std::move(*answer));
    return;
  }
  const auto found = peers_.find(action.connection);
  // It has gone meanwhile: its Disconnected is on its way or was handled.
  if (found == peers_.end()) return;
  metrics_.sent(control::name_of(action.message)).Increment();
  if (std::holds_alternative<control::Welcome>(action.message)) found->second->seat();
  found->second->send(control::encode(action.message));
}

void ControllerLoop::perform(control::Close& action) {
  const auto found = peers_.find(action.connection);
  if (found != peers_.end()) found->second->finish(std::move(action.reason));
}

void ControllerLoop::perform(control::Journal& action) {
  if (journal_) journal_->append(action.record);
}

void ControllerLoop::perform(control::Log& action) {
  metrics_.events(action.event.kind).Increment();
  log_.event(action.event);
}

void ControllerLoop::perform(control::Spawn& action) {
  if (spawn_) {
    spawn_(action.rank);
  } else {
    log_.error("spawn_unavailable",
               fmt::format("rank {} cannot be started from here", action.rank.value()));
  }
}

void ControllerLoop::perform(control::Stop&) {
  if (on_stop_) on_stop_();
}

}  // namespace switchyard::net

// What comes in, sorted by who says it; and what follows from it, once per handle().
#include <fmt/format.h>

#include <utility>

#include "runtime/base/check.h"
#include "runtime/control/codec.h"
#include "runtime/control/controller/state.h"

namespace switchyard::control {
namespace {

EvidenceBook make_book(const EvidenceConfig& config) {
  auto book = EvidenceBook::create(config);
  SY_CHECK(book.has_value(), "{}", book.error().message);
  return std::move(book).value();
}

Balancer make_balancer(const BalancingConfig& config) {
  auto balancer = Balancer::create(config);
  SY_CHECK(balancer.has_value(), "{}", balancer.error().message);
  return std::move(balancer).value();
}

RetryBudget make_retries(const RetryBudgetConfig& config, TimePoint now) {
  auto budget = RetryBudget::create(config, now);
  SY_CHECK(budget.has_value(), "{}", budget.error().message);
  return std::move(budget).value();
}

// Ticks that are later than this many intervals mean that the controller itself stood still.
constexpr int kLateTicks = 4;

}  // namespace

Controller::State::State(ControllerOptions from)
    : options(std::move(from)),
      residency(options.residency),
      members(options.ranks, options.phi),
      ledger(options.requests_max),
      random(options.seed),
      evidence(make_book(options.evidence)),
      watch_queue(options.watch_window_bytes),
      window(options.ranks, options.balancing.window),
      balancer(make_balancer(options.balancing)),
      target_replicas(options.replicas) {
  SY_CHECK(options.ranks > 0, "a cluster without slots");
  make_autoscaler();
}

void Controller::State::handle(Happening happening) {
  outbox.set_time(now);
  if (started == TimePoint()) started = router_seen = loaders_seen = whole_since = now;
  if (!retries) retries = make_retries(options.retries, now);
  if (phase == RunPhase::kStopped) return;
  note_standstill();
  if (const auto* connected = std::get_if<Connected>(&happening)) {
    peers[connected->connection] = {connected->kind, std::nullopt};
  } else if (const auto* gone = std::get_if<Disconnected>(&happening)) {
    on(*gone);
  } else if (auto* received = std::get_if<Received>(&happening)) {
    on(*received);
  } else if (const auto* drained = std::get_if<Drained>(&happening)) {
    watch_queue.drained(drained->connection);
  } else if (auto* news = std::get_if<JournalNews>(&happening)) {
    on(*news);
  } else {
    on_tick();
  }
  if (std::exchange(unsettled, false)) {
    settle_views();
    settle_changes();
    requests_unsettled = true;
  }
  if (std::exchange(requests_unsettled, false)) settle_requests();
  feed_watchers();
  stop_when_all_left();
}

void Controller::State::on(const Disconnected& what) {
  const auto found = peers.find(what.connection);
  if (found == peers.end()) return;  // closed by us
  const Peer peer = found->second;
  peers.erase(found);
  outbox.unwatch(what.connection);
  watch_queue.unwatch(what.connection);
  if (peer.agent && members.at(peer.agent->rank).connection == what.connection) {
    connection_lost(peer.agent->rank, what.reason);
  }
}

void Controller::State::on(Received& what) {
  const auto found = peers.find(what.connection);
  if (found == peers.end()) return;  // was under way when we closed
  if (found->second.kind == PeerKind::kAgent) {
    from_agent(what.connection, what.message);
  } else {
    from_client(what.connection, what.message);
  }
}

void Controller::State::on(JournalNews& news) {
  journal_trouble = std::move(news.trouble);
  if (journal_trouble.empty()) {
    outbox.event("journal_restored", "the journal holds everything again");
  } else {
    outbox.event("journal_failed", journal_trouble);
  }
}

void Controller::State::on_tick() {
  if (last_tick && now - *last_tick > kLateTicks * options.tick_interval) {
    const Duration pause = now - *last_tick - options.tick_interval;
    members.excuse(pause);
    rejoin.until += pause;
    if (transaction) {
      for (auto& [rank, late] : transaction->late_at) late += pause;
    }
  }
  last_tick = now;
  ledger.expire(options.results_kept, now);
  judge_all();
  give_up_spawns();
  replace_missing();
  check_deadline();
  check_changes();
  scale_by_load();
  balance_by_load();
  unsettled = true;
}

void Controller::State::reject(ConnectionId connection, const std::string& reason) {
  outbox.event("peer_rejected", fmt::format("connection {}: {}", connection.value(), reason));
  outbox.close(connection, reason);
  on(Disconnected{connection, reason});
}

void Controller::State::send_all(const Message& message) {
  for (std::uint32_t r = 0; r < members.size(); ++r) send(RankId(r), message);
}

}  // namespace switchyard::control

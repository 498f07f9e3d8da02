#include "tests/sim/control/sim_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "runtime/base/random.h"
#include "runtime/control/codec.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;

constexpr Duration kStep = milliseconds(100);
constexpr std::size_t kBatch = 8;  // requests in a step

}  // namespace

SimProcess::SimProcess(SimWorld& world, RankId rank, RankKind kind, std::string region)
    : world_(world),
      rank_(rank),
      kind_(kind),
      region_(std::move(region)),
      drift_(0.9 + 0.2 * world.random.next_unit()) {}

void SimProcess::later(Duration wait, void (SimProcess::*what)()) {
  world_.time.after(wait, [this, generation = generation_, what] {
    if (generation != generation_ || !running_) return;
    if (stopped()) return later(stopped_until_ - world_.time.now(), what);
    (this->*what)();
  });
}

void SimProcess::start() {
  if (running_) return;
  running_ = true;
  stopped_until_ = {};
  begin_life();
}

void SimProcess::start_late() {
  if (running_) return;
  late_ = true;
  start();
}

// Nothing of an earlier life is kept.
void SimProcess::begin_life() {
  ++generation_;
  life_ = {};
  connection_ = {};
  welcomed_ = refused_ = hung_ = draining_ = false;
  unsent_.clear();
  engine_ = !late_ && (kind_ == RankKind::kRouter || kind_ == RankKind::kBoth);
  newest_ = view_ = nullptr;
  held_.clear();
  prepared_.clear();
  requests_.clear();
  stalled_since_ = world_.time.now();
  weights_read_ = 0;
  loads_until_ = {};
  later(world_.some(milliseconds(200)), &SimProcess::connect);
  later(milliseconds(250), &SimProcess::beat);
  later(kStep, &SimProcess::step);
}

void SimProcess::kill() {
  if (!running_) return;
  running_ = false;
  ++generation_;
  if (connection_ != ConnectionId()) world_.network.abandon(connection_);
  connection_ = {};
}

void SimProcess::drop_connection() {
  if (running_ && connection_ != ConnectionId()) world_.network.cut(connection_);
}

void SimProcess::connect() {
  connection_ = world_.network.open(*this, PeerKind::kAgent, rank_.value());
  if (connection_ == ConnectionId()) {
    return later(milliseconds(50) + world_.some(milliseconds(100)), &SimProcess::connect);
  }
  Register asks;
  asks.rank = rank_;
  asks.kind = late_ ? RankKind::kSpare : kind_;
  if (late_) asks.address = fmt::format("127.0.0.1:{}", generation_);
  asks.incarnation = life_;
  asks.epoch = newest_ ? newest_->epoch : Epoch();
  asks.host = fmt::format("host{}", rank_.value() / 4);
  asks.region = region_;
  asks.model = {2, 16, 1, "sim"};
  for (const auto& [id, running] : requests_) {
    asks.held.push_back({id, running.attempt, running.tokens});
  }
  world_.network.to_controller(connection_, asks);
}

void SimProcess::on_broken() {
  if (!running_) return;
  connection_ = {};
  welcomed_ = false;
  // The old life is over and what it had is worth nothing: a new process asks again.
  if (refused_ && hung_) {
    kill();
    return world_.time.after(std::chrono::seconds(1), [this] { start(); });
  }
  if (refused_) return begin_life();
  later(milliseconds(20) + world_.some(milliseconds(100)), &SimProcess::connect);
}

void SimProcess::post(Message message) {
  if (welcomed_) return world_.network.to_controller(connection_, std::move(message));
  unsent_.push_back(std::move(message));
}

void SimProcess::beat() {
  later(Duration(static_cast<std::int64_t>(250e6 * drift_)), &SimProcess::beat);
  if (!welcomed_) return;
  Heartbeat beat;
  beat.phase = view_ != nullptr ? Phase::kServing : Phase::kParked;
  beat.epoch = newest_ ? newest_->epoch : Epoch();
  beat.steps = steps_;
  beat.open_requests = static_cast<std::uint32_t>(requests_.size());
  beat.running_requests = static_cast<std::uint32_t>(std::min(requests_.size(), kBatch));
  if (world_.loads_show && !hung_ && world_.time.now() < loads_until_) ++weights_read_;
  beat.weights_read = weights_read_;
  post(beat);
  const bool due = world_.chance(0.25);
  if ((due || world_.load) && !hung_) post(load());
}

// Pairs of what it holds: a few hot experts, which change every few seconds.
LoadReport SimProcess::load() {
  LoadReport report;
  report.seconds = 1;
  if (world_.load) {
    report.busy_share = world_.load->busy_share(world_.time.now(), world_.checker.expert_ranks());
  }
  if (!world_.skewed || newest_ == nullptr) return report;
  report.serve_seconds = 0.7;
  if (!world_.load) report.busy_share = 0.7;
  report.expert_pairs.resize(newest_->placement.layers() * newest_->placement.experts());
  const auto period = static_cast<std::uint64_t>(world_.time.now().time_since_epoch().count()) /
                      std::uint64_t{6'000'000'000};
  for (const std::size_t i : own_experts(*newest_, rank_)) {
    const bool hot = hash_counters(world_.skew_seed, i, period) % 5 == 0;
    report.expert_pairs[i] = hot ? 5'000 : 100;
  }
  return report;
}

void SimProcess::on_message(const Message& message) {
  if (!running_) return;
  if (const auto* welcome = std::get_if<Welcome>(&message)) {
    life_ = welcome->incarnation;
    welcomed_ = true;
    while (!unsent_.empty()) {
      world_.network.to_controller(connection_, std::move(unsent_.front()));
      unsent_.pop_front();
    }
    if (welcome->view != nullptr && !hung_) commit(welcome->view);
  } else if (std::holds_alternative<Refused>(message)) {
    refused_ = true;
  } else if (hung_) {
    return;
  } else if (const auto* wanted = std::get_if<Prepare>(&message)) {
    prepare(*wanted);
  } else if (const auto* done = std::get_if<Commit>(&message)) {
    commit(done->view);
  } else if (const auto* undone = std::get_if<Rollback>(&message)) {
    prepared_.erase(undone->epoch);
  } else if (const auto* retire = std::get_if<Retire>(&message)) {
    if (newest_ != nullptr && retire->oldest >= newest_->epoch) {
      held_ = own_experts(*newest_, rank_);
    }
  } else if (const auto* given = std::get_if<Assign>(&message)) {
    assign(*given);
  } else if (const auto* cancel = std::get_if<Cancel>(&message)) {
    if (cancel->how == CancelHow::kForget) requests_.erase(cancel->id);
  } else if (std::holds_alternative<Drain>(message)) {
    draining_ = true;
  } else if (std::holds_alternative<Undrain>(message)) {
    draining_ = false;
  } else if (std::holds_alternative<Leave>(message)) {
    post(Goodbye{});
    said_goodbye_ = true;
    kill();
  }
}

void SimProcess::prepare(const Prepare& prepare) {
  const Duration takes = world_.some(world_.load_max);
  loads_until_ = std::max(loads_until_, world_.time.now() + takes);
  world_.time.after(takes, [this, generation = generation_, view = prepare.view] {
    if (generation != generation_ || !running_ || hung_) return;
    prepared_[view->epoch] = own_experts(*view, rank_);
    const auto* self = view->find(rank_);
    engine_ = engine_ || (self != nullptr && self->router);
    post(Prepared{view->epoch, {}});
  });
}

void SimProcess::commit(const std::shared_ptr<const placement::View>& view) {
  if (newest_ != nullptr && view->epoch < newest_->epoch) {
    return world_.checker.violation(fmt::format("rank {} is told epoch {} after {}", rank_.value(),
                                                view->epoch.value(), newest_->epoch.value()));
  }
  if (newest_ != nullptr && view->epoch == newest_->epoch && view != newest_ &&
      encode(Commit{view}) != encode(Commit{newest_})) {
    return world_.checker.violation(fmt::format("rank {} is told epoch {} with two meanings",
                                                rank_.value(), view->epoch.value()));
  }
  for (const auto& [epoch, loaded] : prepared_) {
    if (epoch <= view->epoch) held_.insert(loaded.begin(), loaded.end());
  }
  std::erase_if(prepared_, [&](const auto& each) { return each.first <= view->epoch; });
  const auto wanted = own_experts(*view, rank_);
  if (!std::ranges::includes(held_, wanted)) {
    world_.checker.violation(fmt::format("rank {} must serve epoch {} without its experts",
                                         rank_.value(), view->epoch.value()));
  }
  newest_ = view;
  adopt_after_ = world_.time.now();
  if (world_.mistake == Mistake::kAdoptsEarly && view_ != nullptr) {
    post(Adopted{view->epoch});
    adopt_after_ += std::chrono::seconds(2);
  }
  if (view_ == newest_) post(Adopted{view->epoch});
}

bool SimProcess::routes() const {
  return view_ != nullptr && std::ranges::any_of(view_->members, [&](const auto& member) {
           return member.rank == rank_ && member.router;
         });
}

void SimProcess::assign(const Assign& assign) {
  if (!engine_) {
    return world_.checker.violation(
        fmt::format("request {} is given to rank {}, which never got ready to route",
                    assign.id.value(), rank_.value()));
  }
  Running running;
  running.attempt = assign.attempt;
  running.number = unpack(assign.payload).at(0);
  running.tokens = assign.tokens;
  for (const std::uint32_t rank : assign.allowed) running.allowed.insert(RankId(rank));
  if (const ResidencyRule* rule = world_.rule_of(running.number)) {
    const auto inside = [&](RankId rank) {
      return std::ranges::find(rule->regions, world_.processes[rank.index()]->region()) !=
             rule->regions.end();
    };
    if (!inside(rank_) || running.allowed.empty() ||
        !std::ranges::all_of(running.allowed, inside)) {
      world_.checker.violation(
          fmt::format("request {} of {} is on rank {} and may leave its regions", running.number,
                      rule->regime, rank_.value()));
    }
  }
  requests_[assign.id] = std::move(running);
}

void SimProcess::step() {
  later(kStep, &SimProcess::step);
  if (hung_) return;
  if (newest_ != nullptr && view_ != newest_ && world_.time.now() >= adopt_after_) {
    view_ = newest_;
    post(Adopted{view_->epoch});
  }
  if (!routes() || requests_.empty()) {
    stalled_since_ = world_.time.now();
    return;
  }
  std::set<RankId> silent;
  if (exchanges_work(silent)) {
    stalled_since_ = world_.time.now();
    ++steps_;
    return generate();
  }
  const Duration waited = world_.time.now() - stalled_since_;
  if (waited < std::chrono::seconds(1)) return;
  post(Evidence{view_->epoch,
                static_cast<std::uint64_t>(waited / milliseconds(1)),
                {silent.begin(), silent.end()}});
}

// Whether the rows of a request find a rank for every expert that is not masked.
SimProcess::Way SimProcess::exchange(const Running& running, std::set<RankId>& silent) {
  const auto& placement = view_->placement;
  for (std::size_t l = 0; l < placement.layers(); ++l) {
    for (std::uint32_t e = 0; e < placement.experts(); ++e) {
      std::vector<RankId> copies;
      for (const auto& copy : placement.replicas(l, ExpertId(e))) {
        if (running.allowed.empty() || running.allowed.contains(copy.rank)) {
          copies.push_back(copy.rank);
        }
      }
      if (copies.empty() && placement.replicas(l, ExpertId(e)).empty()) continue;
      if (copies.empty()) return Way::kForbidden;
      const bool served = std::ranges::any_of(copies, [&](RankId rank) {
        return world_.processes[rank.index()]->serves(l * placement.experts() + e, view_->epoch,
                                                      rank_);
      });
      if (served) continue;
      silent.insert(copies.begin(), copies.end());
      silent.erase(rank_);
      return Way::kSilent;
    }
  }
  return Way::kOpen;
}

// Of one step: all requests in it go on together. One that may go nowhere ends here.
bool SimProcess::exchanges_work(std::set<RankId>& silent) {
  std::vector<RequestId> forbidden;
  bool open = true;
  for (const auto& [id, running] : requests_) {
    const Way way = exchange(running, silent);
    if (way == Way::kForbidden) forbidden.push_back(id);
    open = open && way != Way::kSilent;
  }
  for (const RequestId id : forbidden) {
    post(Finished{
        id, requests_[id].attempt, std::string(kResidencyUnsatisfiable) + ": nowhere", {}});
    requests_.erase(id);
  }
  return open;
}

bool SimProcess::serves(std::size_t expert, Epoch epoch, RankId asker) {
  const bool apart = world_.network.blocked(rank_.value()) != world_.network.blocked(asker.value());
  if (!running_ || stopped() || hung_ || (apart && asker != rank_)) return false;
  if (held_.contains(expert)) return true;
  // What is loaded for an epoch or an older one is there for it, whether the Commit has come or
  // not.
  for (const auto& [ready, loaded] : prepared_) {
    if (ready <= epoch && loaded.contains(expert)) return true;
  }
  // An asker whose own life is over is owed nothing.
  const bool owed = life_ != Incarnation() && world_.checker.seat(epoch, rank_) == life_ &&
                    world_.checker.life(rank_) == life_ &&
                    world_.checker.life(asker) == world_.processes[asker.index()]->life_;
  if (owed) {
    world_.checker.violation(fmt::format("rank {} does not hold expert {} for epoch {} of rank {}",
                                         rank_.value(), expert, epoch.value(), asker.value()));
  }
  return false;
}

bool SimProcess::uses_older(Epoch epoch) const {
  return running_ && routes() && !requests_.empty() && view_->epoch < epoch &&
         world_.checker.life(rank_) == life_;
}

void SimProcess::generate() {
  std::vector<RequestId> done;
  std::size_t count = 0;
  for (auto& [id, running] : requests_) {
    if (++count > kBatch) break;
    const auto all = true_tokens(running.number);
    const auto first = static_cast<std::uint32_t>(running.tokens.size());
    if (first < all.size()) {
      // The mistake: what an earlier attempt made counts as made here, but is made again.
      running.tokens.push_back(
          all[world_.mistake == Mistake::kStartsOver ? running.made++ : first]);
      post(Progress{id, running.attempt, first, {running.tokens.back()}});
    }
    if (running.tokens.size() < all.size()) continue;
    post(Finished{id, running.attempt, {}, pack(running.tokens)});
    done.push_back(id);
  }
  for (const RequestId id : done) requests_.erase(id);
}

}  // namespace switchyard::control

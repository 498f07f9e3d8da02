#include "tests/sim/control/sim_changes.h"

#include <fmt/format.h>

#include <utility>

namespace switchyard::control {

void SimChanges::expect(const ScalingConfig& config, std::uint32_t replicas,
                        std::uint32_t spawns_max) {
  config_ = config;
  replicas_ = replicas;
  spawns_max_ = spawns_max;
}

void SimChanges::on_controller() {
  prepared_.reset();
  decided_ = false;
  direction_ = 0;
  turned_.reset();
  ended_.reset();
  wanted_by_it_ = false;
}

void SimChanges::on_record(const JournalRecord& record, TimePoint now) {
  if (const auto* command = std::get_if<Command>(&record.message)) {
    on_command(*command, now);
  } else if (const auto* event = std::get_if<Event>(&record.message)) {
    on_word(record.rank, *event, now);
  } else if (const auto* prepare = std::get_if<Prepare>(&record.message)) {
    prepared_ = prepare->view->epoch;
  } else if (std::holds_alternative<Commit>(record.message)) {
    prepared_.reset();
    settle(now);
  } else if (const auto* seated = std::get_if<Register>(&record.message)) {
    // One that comes late for the first time makes the cluster larger than was asked for.
    const bool holds = seated->kind == RankKind::kExpert || seated->kind == RankKind::kBoth;
    const bool first = seated->incarnation == Incarnation(1) && checker_.committed() != Epoch();
    if (wanted_ && first && holds) ++*wanted_;
    settle(now);
  } else if (std::holds_alternative<RankLeft>(record.message) ||
             std::holds_alternative<Goodbye>(record.message)) {
    drains_.erase(record.rank);
  }
}

void SimChanges::on_command(const Command& command, TimePoint now) {
  switch (command.wish) {
    case Wish::kScale: return begin_scaling(command.amount, now);
    case Wish::kUndrain: drains_.erase(RankId(command.amount)); return;
    case Wish::kDrain:
      begin(fmt::format("a drain of rank {}", command.amount));
      drains_.insert(RankId(command.amount));
      return;
    case Wish::kReplicas:
      if (command.amount == replicas_) return;
      begin(fmt::format("a change to {} copies", command.amount));
      replicas_ = command.amount;
      replicas_change_ = true;
      return;
    default: return;
  }
}

void SimChanges::on_word(RankId rank, const Event& event, TimePoint now) {
  if (event.kind == "drain_taken_back") drains_.erase(rank);
  if (event.kind == "wish_given_up") end_scaling(now);
  if (event.kind == "replicas_done") replicas_change_ = false;
  if (event.kind == "replicas_taken_back") {
    replicas_change_ = false;
    replicas_ = event.number;
  }
  if (event.kind == "rank_spawn" && ++spawned_ > spawns_max_) {
    checker_.violation(
        fmt::format("{} processes are started, and {} are allowed", spawned_, spawns_max_));
  }
}

void SimChanges::on_event(const Event& event) {
  if (event.kind == "scaling_act") decided_ = true;
  if (event.kind == "scaling_refused") decided_ = false;
  if (event.kind == "view_rolled_back") prepared_.reset();
}

void SimChanges::begin(const std::string& what) {
  const auto beside = [&](const std::string& other) {
    checker_.violation(fmt::format("{} begins while {}", what, other));
  };
  if (prepared_) beside(fmt::format("epoch {} is prepared", prepared_->value()));
  if (wanted_) beside(fmt::format("{} expert ranks are wanted", *wanted_));
  if (replicas_change_) beside(fmt::format("copies change to {}", replicas_));
  if (checker_.moving()) beside("experts move");
  for (const RankId rank : drains_) {
    if (checker_.seat(checker_.committed(), rank) == Incarnation()) continue;
    beside(fmt::format("rank {} drains", rank.value()));
  }
  if (checker_.member_died()) beside("a member is dead");
}

void SimChanges::begin_scaling(std::uint32_t wanted, TimePoint now) {
  begin(fmt::format("a scaling to {} expert ranks", wanted));
  wanted_by_it_ = std::exchange(decided_, false);
  if (wanted_by_it_) check_act(wanted, now);
  wanted_ = wanted;
  settle(now);
}

// A size outside the limits, which a command or a death has left, is mended at once and as far as
// one action goes.
void SimChanges::check_act(std::uint32_t wanted, TimePoint now) {
  ++acts_;
  const auto current = checker_.expert_ranks();
  const int direction = wanted > current ? 1 : -1;
  const auto& [least, most] = config_.ranks;
  if ((direction > 0 && wanted > most) || (direction < 0 && wanted < least)) {
    checker_.violation(
        fmt::format("scaled by load from {} to {}, outside {}..{}", current, wanted, least, most));
  }
  const bool inside = current >= least && current <= most;
  const Duration rest = direction > 0 ? config_.cooldown_up : config_.cooldown_down;
  if (inside && ended_ && now - *ended_ < rest) {
    checker_.violation(fmt::format("scaled by load {:.2f} s after the last time, and not {:.2f} s",
                                   to_seconds(now - *ended_), to_seconds(rest)));
  }
  const int last = std::exchange(direction_, direction);
  if (last == 0 || last == direction) return;
  if (inside && turned_ && now - *turned_ < config_.dwell_min) {
    checker_.violation(
        fmt::format("scaling turned round twice within {:.2f} s", to_seconds(now - *turned_)));
  }
  turned_ = now;
}

void SimChanges::settle(TimePoint now) {
  if (wanted_ && checker_.expert_ranks() == *wanted_) end_scaling(now);
}

void SimChanges::end_scaling(TimePoint now) {
  wanted_.reset();
  if (std::exchange(wanted_by_it_, false)) ended_ = now;
}

}  // namespace switchyard::control

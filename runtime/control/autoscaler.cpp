#include "runtime/control/autoscaler.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/control/drain_choice.h"

namespace switchyard::control {
namespace {

void hold(TrackDecision& track, ClampKind kind, std::string text) {
  if (track.direction() == Direction::kNone) return;
  track.final = track.current;
  track.clamps.push_back({kind, std::move(text)});
}

// Spares that are launched already, else new processes.
ScalingAction grow(std::size_t count, const ScalingInput& input) {
  if (input.spares_ready > 0) return ActivateSpares{std::min(count, input.spares_ready)};
  if (input.spawnable_count > 0) return SpawnRanks{std::min(count, input.spawnable_count)};
  return NoAction{};
}

bool missing_any(const TrackDecision& track) {
  return std::ranges::any_of(track.readings, [](const auto& r) { return !r.ratio.has_value(); });
}

}  // namespace

Result<Autoscaler> Autoscaler::create(const ScalingConfig& config) {
  SY_TRY(config.validate());
  return Autoscaler(config);
}

Autoscaler::Autoscaler(const ScalingConfig& config)
    : config_(config), ranks_(config, config.ranks), replicas_(config, config.replicas) {}

ScalingDecision Autoscaler::decide(const ScalingInput& input, TimePoint now) {
  ScalingDecision out;
  out.at = now;
  out.mode = config_.mode;
  out.number = number_;
  if (config_.mode == ScalingMode::kOff) return out;
  if (last_decision_ && now - *last_decision_ < config_.interval / 2) {
    out.outcome = ScalingOutcome::kNotDue;
    return out;
  }
  last_decision_ = now;
  out.number = ++number_;
  out.outcome = ScalingOutcome::kHold;
  out.ranks = ranks_.decide(input.expert_ranks.size(), rank_readings(input, config_), now);
  out.replicas = replicas_.decide(input.replicas, replica_readings(input, config_), now);
  hold_in_flight(out, now);
  hold_replicas(out, input);
  choose_action(out, input);
  raise_alarms(out, now);
  if (std::holds_alternative<NoAction>(out.action)) return out;
  if (config_.mode == ScalingMode::kAdvisory) {
    out.outcome = ScalingOutcome::kAdvice;
    return out;
  }
  out.outcome = ScalingOutcome::kAct;
  start(out, now);
  return out;
}

void Autoscaler::hold_in_flight(ScalingDecision& decision, TimePoint now) const {
  if (!started_) return;
  for (TrackDecision* track : {&decision.ranks, &decision.replicas}) {
    hold(*track, ClampKind::kActionInFlight,
         fmt::format("an action has been under way for {:.1f} s", to_seconds(now - *started_)));
  }
}

// A replica more must fit into memory and onto a rank of its own.
void Autoscaler::hold_replicas(ScalingDecision& decision, const ScalingInput& input) const {
  TrackDecision& track = decision.replicas;
  if (track.direction() == Direction::kUp && track.final > input.expert_ranks.size()) {
    hold(track, ClampKind::kReplicas, fmt::format("{} replicas need as many ranks", track.final));
  }
  if (track.direction() == Direction::kUp) {
    const auto share = fullest_memory_share(input);
    const double after = share.value_or(1) * static_cast<double>(track.final) /
                         static_cast<double>(std::max<std::size_t>(1, track.current));
    if (!share || after > config_.memory_share_max) {
      hold(track, ClampKind::kMemory,
           share ? fmt::format("{} replicas would fill {:.2f} of the memory", track.final, after)
                 : std::string("the memory of some rank is not known"));
    }
  }
}

void Autoscaler::choose_action(ScalingDecision& decision, const ScalingInput& input) const {
  TrackDecision& ranks = decision.ranks;
  if (ranks.direction() == Direction::kDown && ranks.final < input.replicas) {
    ranks.final = std::min(input.replicas, ranks.current);
    ranks.clamps.push_back(
        {ClampKind::kReplicas, fmt::format("{} replicas need as many ranks", input.replicas)});
  }
  if (ranks.direction() == Direction::kUp) {
    decision.action = grow(ranks.final - ranks.current, input);
    if (std::holds_alternative<NoAction>(decision.action)) {
      hold(ranks, ClampKind::kNoSpares, "no spare is ready and nothing can be spawned");
    }
  } else if (ranks.direction() == Direction::kDown) {
    decision.action = DrainRanks{choose_drain(input.expert_ranks, ranks.current - ranks.final)};
  }
  if (ranks.direction() != Direction::kNone) {
    hold(decision.replicas, ClampKind::kOtherFirst, "ranks change first");
  } else if (decision.replicas.direction() != Direction::kNone) {
    decision.action = SetReplicas{decision.replicas.final};
  }
}

void Autoscaler::raise_alarms(ScalingDecision& decision, TimePoint now) {
  const bool missing = missing_any(decision.ranks) || missing_any(decision.replicas);
  missing_intervals_ = missing ? missing_intervals_ + 1 : 0;
  if (missing_intervals_ >= config_.missing_alarm_intervals) {
    decision.alarms.push_back(
        fmt::format("metrics have been missing for {} intervals", missing_intervals_));
  }
  if (started_ && now - *started_ > config_.action_time_max) {
    decision.alarms.push_back(
        fmt::format("an action has been under way for {:.0f} s", to_seconds(now - *started_)));
  }
}

void Autoscaler::start(const ScalingDecision& decision, TimePoint now) {
  SY_CHECK(!started_, "decision {}: two actions at once", decision.number);
  started_ = now;
  if (decision.ranks.direction() != Direction::kNone) {
    ranks_.started(decision.ranks.direction(), now);
  } else {
    replicas_.started(decision.replicas.direction(), now);
  }
}

void Autoscaler::operator_acts(std::optional<std::size_t> ranks,
                               std::optional<std::size_t> replicas, TimePoint now) {
  if (ranks) ranks_.asked(*ranks, now);
  if (replicas) replicas_.asked(*replicas, now);
  if (!started_) started_ = now;
}

void Autoscaler::action_refused(TimePoint now) {
  if (!started_) return;
  ranks_.refused();
  replicas_.refused();
  action_ended(now);
}

void Autoscaler::action_ended(TimePoint now) {
  if (!started_) return;
  started_.reset();
  // Both tracks cool down: either action moves the load that both look at.
  ranks_.ended(now);
  replicas_.ended(now);
}

}  // namespace switchyard::control

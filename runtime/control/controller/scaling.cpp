// The autoscaler's place in the controller: its inputs out of the load reports, its actions as a
// wish for another number of expert ranks or copies.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/control/controller/state.h"
#include "runtime/control/drain_choice.h"

namespace switchyard::control {

void Controller::State::make_autoscaler() {
  if (options.scaling.mode == ScalingMode::kOff) return;
  auto made = Autoscaler::create(options.scaling);
  SY_CHECK(made.has_value(), "{}", made.error().message);
  autoscaler.emplace(std::move(made).value());
}

bool Controller::State::fresh_load(RankId rank) const {
  const Slot& slot = members.at(rank);
  return slot.load_at && now - *slot.load_at - slot.computed < options.health.metrics_age_max;
}

ScalingInput Controller::State::scaling_input() const {
  const auto known = [](double share) { return share > 0 ? std::optional(share) : std::nullopt; };
  ScalingInput input;
  input.replicas = target_replicas;
  const Roles held = Roles::of(*view);
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    const RankId rank(r);
    const LoadReport& load = members.at(rank).load;
    if (held.routers.contains(rank) && fresh_load(rank) && load.step_us_p95 > 0) {
      input.step_us_p95 = std::max(input.step_us_p95.value_or(0), load.step_us_p95);
    }
    if (!held.experts.contains(rank)) {
      const bool spare = usable(rank) && !member(rank) && can_hold(members.at(rank).kind);
      input.spares_ready += spare ? 1U : 0U;
      continue;
    }
    RankSample sample{rank, std::nullopt, std::nullopt, std::nullopt};
    sample.needed = !may_leave(rank, held);
    if (fresh_load(rank)) {
      sample.busy_share = load.busy_share;
      sample.cpu_share = known(load.cpu_busy_share);
      sample.memory_share = known(load.memory_share);
      input.queue_delay_us_p95 =
          std::max(input.queue_delay_us_p95.value_or(0), load.queue_delay_us_p95);
    }
    input.expert_ranks.push_back(sample);
  }
  input.spawnable_count = spawnable().size();
  input.load_max_over_mean = rank_imbalance(held);
  // Idle routers take no step: what nobody does takes no time.
  if (!input.step_us_p95 && ledger.open_count() == 0) input.step_us_p95 = 0;
  return input;
}

// Of the placement under the loads of late; even where there is nothing to do, else not known.
std::optional<double> Controller::State::rank_imbalance(const Roles& roles) const {
  const auto loads = window.loads(now);
  if (loads.empty()) return ledger.open_count() == 0 ? std::optional(1.0) : std::nullopt;
  const placement::PlanRequest request = plan_request(roles);
  return placement::imbalance(view->placement, request.expert_ranks, request.ranks, loads);
}

// Slots whose process has ended and where a new one may be started, as far as the operator allows.
std::vector<RankId> Controller::State::spawnable() const {
  std::vector<RankId> out;
  const std::size_t allowed = options.spawns_max - std::min(spawned, options.spawns_max);
  for (std::uint32_t r = 0; r < members.size() && out.size() < allowed; ++r) {
    const Slot& slot = members.at(RankId(r));
    const bool ended = slot.state == SlotState::kDead || slot.state == SlotState::kLeft;
    if (ended && !slot.awaited_until) out.emplace_back(r);
  }
  return out;
}

void Controller::State::tell_autoscaler(const Command& command) {
  if (!autoscaler) return;
  const auto amount = [&](Wish wish) {
    return command.wish == wish ? std::optional<std::size_t>(command.amount) : std::nullopt;
  };
  autoscaler->operator_acts(amount(Wish::kScale), amount(Wish::kReplicas), now);
}

void Controller::State::scale_by_load() {
  if (!autoscaler || !view || phase != RunPhase::kRunning || !dead_members(seats).empty()) return;
  const auto experts = static_cast<std::uint32_t>(Roles::of(*view).experts.size());
  // A target that a death has put out of reach is no action under way.
  if (autoscaler->action_in_flight() && !transaction && !scale_until && !replica_change) {
    autoscaler->action_ended(now);
  }
  const auto decision = autoscaler->decide(scaling_input(), now);
  if (decision.outcome != ScalingOutcome::kNotDue) {
    scaling_numbers =
        ScalingNumbers{decision.ranks.current, decision.ranks.final, decision.replicas.final};
    scaled_last = ScalingNote{now, decision.text()};
  }
  const bool acts = decision.outcome == ScalingOutcome::kAct;
  if (acts || decision.outcome == ScalingOutcome::kAdvice || !decision.alarms.empty()) {
    outbox.event(fmt::format("scaling_{}", to_string(decision.outcome)), decision.text());
  }
  if (acts) perform(decision.action, experts);
}

nlohmann::json Controller::State::scaling_json() const {
  nlohmann::json out = {{"target_experts", target_experts},
                        {"target_routers", target_routers},
                        {"target_replicas", target_replicas}};
  if (view) out["current_experts"] = Roles::of(*view).experts.size();
  if (scaling_numbers) {
    out["desired_experts"] = scaling_numbers->desired;
    out["desired_replicas"] = scaling_numbers->desired_replicas;
  }
  return out;
}

void Controller::State::perform(const ScalingAction& action, std::uint32_t experts) {
  std::uint32_t wanted = experts;
  std::vector<RankId> chosen;
  if (const auto* more = std::get_if<ActivateSpares>(&action)) {
    wanted += static_cast<std::uint32_t>(more->count);
  } else if (const auto* fewer = std::get_if<DrainRanks>(&action)) {
    // Each may be free to go, and yet not all of them; then others go, that do more.
    const auto ranks = scaling_input().expert_ranks;
    chosen = leavers(choose_drain(ranks, ranks.size()), fewer->ranks.size());
    if (chosen.empty()) {
      outbox.event("scaling_refused", "a residency rule needs each rank that could leave");
      return autoscaler->action_refused(now);
    }
    wanted -= static_cast<std::uint32_t>(chosen.size());
  } else if (const auto* made = std::get_if<SpawnRanks>(&action)) {
    return grow_by_processes(experts, made->count);
  } else if (const auto* copies = std::get_if<SetReplicas>(&action)) {
    return change_replicas(static_cast<std::uint32_t>(copies->replicas));
  }
  const Answer answer =
      wanted == experts ? Answer{false, "invalid", "no way to do that here", {}} : scale(wanted);
  if (!answer.accepted) {
    outbox.event("scaling_refused", answer.reason);
    return autoscaler->action_refused(now);
  }
  outbox.journal({}, Command{Wish::kScale, wanted});
  for (const RankId rank : chosen) outbox.journal(rank, Event{0, std::string(kDrainChosen), {}});
  leave_first = {chosen.begin(), chosen.end()};
}

// Nothing to wait for where there is nothing to change.
void Controller::State::change_replicas(std::uint32_t replicas) {
  const Answer answer = set_replicas(replicas);
  if (!answer.accepted) outbox.event("scaling_refused", answer.reason);
  if (!answer.accepted || !replica_change) return autoscaler->action_refused(now);
  outbox.journal({}, Command{Wish::kReplicas, replicas});
}

// The number is wished for at once and met when the processes have come as spares; if one does not
// come, the wish is given up (give_up_spawns).
void Controller::State::grow_by_processes(std::uint32_t experts, std::size_t count) {
  if (const std::string reason = busy(); !reason.empty()) {
    outbox.event("scaling_refused", reason);
    return autoscaler->action_refused(now);
  }
  std::vector<RankId> slots = spawnable();
  slots.resize(std::min(slots.size(), count));
  target_experts = experts + static_cast<std::uint32_t>(slots.size());
  leave_first.clear();
  outbox.journal({}, Command{Wish::kScale, target_experts});
  for (const RankId slot : slots) spawn(slot);
  scale_until = now + scale_time();
  settle_scale();
}

}  // namespace switchyard::control

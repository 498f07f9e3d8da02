// The autoscaler's place in the controller: its inputs out of the load reports, its actions as a
// wish for another number of expert ranks or copies.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/control/controller/state.h"

namespace switchyard::control {

void Controller::State::make_autoscaler() {
  if (options.scaling.mode == ScalingMode::kOff) return;
  auto made = Autoscaler::create(options.scaling);
  SY_CHECK(made.has_value(), "{}", made.error().message);
  autoscaler.emplace(std::move(made).value());
}

ScalingInput Controller::State::scaling_input() const {
  ScalingInput input;
  input.replicas = options.replicas;
  const Roles held = Roles::of(*view);
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    const RankId rank(r);
    const Slot& slot = members.at(rank);
    if (!held.experts.contains(rank)) {
      input.spares_ready += usable(rank) && !member(rank) && can_hold(slot.kind) ? 1U : 0U;
      continue;
    }
    RankSample sample{rank, std::nullopt, std::nullopt, std::nullopt};
    const bool fresh = slot.load_at && now - *slot.load_at < options.health.metrics_age_max;
    if (fresh) {
      sample.busy_share = slot.load.busy_share;
      sample.cpu_share = slot.load.cpu_share;
      input.queue_delay_us_p95 =
          std::max(input.queue_delay_us_p95.value_or(0), slot.load.queue_delay_us_p95);
    }
    input.expert_ranks.push_back(sample);
  }
  return input;
}

void Controller::State::scale_by_load() {
  if (!autoscaler || !view || phase != RunPhase::kRunning || !dead_members(seats).empty()) return;
  const auto experts = static_cast<std::uint32_t>(Roles::of(*view).experts.size());
  if (autoscaler->action_in_flight() && !transaction && experts == target_experts) {
    autoscaler->action_ended(now);
  }
  const auto decision = autoscaler->decide(scaling_input(), now);
  if (decision.outcome != ScalingOutcome::kNotDue) {
    scaling_numbers = ScalingNumbers{decision.ranks.current, decision.ranks.final};
    scaled_last = ScalingNote{now, decision.text()};
  }
  const bool acts = decision.outcome == ScalingOutcome::kAct;
  if (acts || decision.outcome == ScalingOutcome::kAdvice || !decision.alarms.empty()) {
    outbox.event(fmt::format("scaling_{}", to_string(decision.outcome)), decision.text());
  }
  if (acts) perform(decision.action, experts);
}

nlohmann::json Controller::State::scaling_json() const {
  nlohmann::json out = {{"target_experts", target_experts}, {"target_routers", target_routers}};
  if (view) out["current_experts"] = Roles::of(*view).experts.size();
  if (scaling_numbers) out["desired_experts"] = scaling_numbers->desired;
  return out;
}

void Controller::State::perform(const ScalingAction& action, std::uint32_t experts) {
  std::uint32_t wanted = experts;
  std::vector<RankId> chosen;
  if (const auto* more = std::get_if<ActivateSpares>(&action)) {
    wanted += static_cast<std::uint32_t>(more->count);
  } else if (const auto* fewer = std::get_if<DrainRanks>(&action)) {
    chosen = fewer->ranks;
    wanted -= static_cast<std::uint32_t>(chosen.size());
  }
  const Answer answer =
      wanted == experts ? Answer{false, "invalid", "no way to do that here", {}} : scale(wanted);
  if (!answer.accepted) {
    outbox.event("scaling_refused", answer.reason);
    return autoscaler->action_ended(now);
  }
  outbox.journal({}, Command{Wish::kScale, wanted});
  for (const RankId rank : chosen) outbox.journal(rank, Event{0, std::string(kDrainChosen), {}});
  leave_first.insert(chosen.begin(), chosen.end());
}

}  // namespace switchyard::control

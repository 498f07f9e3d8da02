#include "runtime/control/balancer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/routing/noise_floor.h"

namespace switchyard::control {
namespace {

// Simulated pairs of a layer and draws: a few milliseconds for a floor that is right to a percent.
constexpr std::uint64_t kFloorPairs = std::uint64_t{1} << 15;
constexpr std::size_t kFloorDraws = 8;

// Of uniform routing. Beyond kFloorPairs the excess over 1 falls with the root of the number.
double uniform_floor(const BalancingInput& input) {
  const std::uint64_t pairs =
      std::accumulate(input.loads.begin(), input.loads.end(), std::uint64_t{0}) /
      std::max<std::size_t>(1, input.now->layers());
  const std::uint64_t drawn = std::min(pairs, kFloorPairs);
  const double floor = routing::uniform_noise_floor(
                           {input.now->experts(), input.ranks.size(), drawn, kFloorDraws, 0})
                           .rank_max_over_mean;
  if (drawn == pairs) return floor;
  return 1 + (floor - 1) * std::sqrt(static_cast<double>(drawn) / static_cast<double>(pairs));
}

// Whether a client that asks for it gets it.
bool is_better(const placement::RebalanceDecision& decision, bool loads_known) {
  constexpr double kNothing = 1e-9;
  if (decision.reason == placement::RebalanceReason::kRepair) return true;
  if (decision.loads == 0) return false;
  return !loads_known || decision.imbalance_plan < decision.imbalance_now - kNothing;
}

}  // namespace

std::string BalancingRecord::text() const {
  if (!judged) return reason;
  return fmt::format(
      "{}: imbalance {:.3f} -> {:.3f} (floor {:.3f}), {} copies to load, gains {:.2f} s for {:.2f} "
      "s",
      reason, imbalance_now, imbalance_plan, imbalance_floor, copies, gain_seconds, cost_seconds);
}

Balancer::Balancer(const BalancingConfig& config)
    : config_(config), load_bytes_per_second_(config.load_bytes_per_second) {}

Result<Balancer> Balancer::create(const BalancingConfig& config) {
  SY_TRY(config.validate());
  return Balancer(config);
}

bool Balancer::due(TimePoint now) const {
  if (config_.mode == BalancingMode::kOff) return false;
  if (ended_ && now - *ended_ < config_.cooldown) return false;
  return !last_ || now - last_->at >= config_.interval;
}

bool Balancer::worth_planning(const BalancingInput& input, TimePoint now) {
  if (input.now->masked_count() > 0) return true;
  if (input.loads.empty()) {
    skip("no loads were reported", now);
    return false;
  }
  const double floor = uniform_floor(input);
  const double imbalance = placement::imbalance(*input.now, input.ranks, input.traits, input.loads);
  if (imbalance >= config_.limits.imbalance_min * std::max(1.0, floor)) return true;
  skip(std::string(to_string(placement::RebalanceReason::kEven)), now);
  last_->judged = true;
  last_->imbalance_now = last_->imbalance_plan = imbalance;
  last_->imbalance_floor = floor;
  return false;
}

const BalancingRecord& Balancer::decide(const BalancingInput& input, BalancingOccasion occasion,
                                        TimePoint now) {
  const bool known = !input.loads.empty();
  std::vector<std::uint64_t> loads = input.loads;
  if (!known) loads.assign(input.now->layers() * input.now->experts(), 1);
  const double floor = known ? uniform_floor(input) : 1;
  const double horizon = to_seconds(config_.horizon);
  // The busiest rank's share of the time is what a more even placement can save of.
  const placement::RebalanceTimes times{
      1, std::min(1.0, input.busy_share_max), horizon, input.expert_bytes, load_bytes_per_second_,
      0};
  const auto decision = placement::decide_rebalance(
      {input.now, input.plan, input.ranks, input.traits, loads, floor}, config_.limits, times);
  BalancingRecord record{now,
                         true,
                         decision.go,
                         std::string(to_string(decision.reason)),
                         decision.imbalance_now,
                         decision.imbalance_plan,
                         floor,
                         decision.loads,
                         decision.gain_seconds,
                         decision.cost_seconds};
  if (occasion == BalancingOccasion::kAsked) {
    record.go = is_better(decision, known);
    if (record.go && !decision.go) record.reason = "asked for";
    if (!record.go && decision.loads > 0) record.reason = "no better placement was found";
  } else if (!known) {
    record.go = false;
    record.reason = "no loads were reported";
  }
  last_ = std::move(record);
  return *last_;
}

void Balancer::skip(std::string reason, TimePoint now) {
  last_ = BalancingRecord{};
  last_->at = now;
  last_->reason = std::move(reason);
}

void Balancer::measured_load(double bytes, Duration time) {
  if (bytes <= 0 || time <= Duration::zero()) return;
  const double rate = bytes / to_seconds(time);
  load_bytes_per_second_ = measured_ ? (load_bytes_per_second_ + rate) / 2 : rate;
  measured_ = true;
}

}  // namespace switchyard::control

#include "runtime/placement/rebalance.h"

#include <algorithm>
#include <unordered_map>

#include "runtime/base/check.h"

namespace switchyard::placement {
namespace {

// Where each living rank is in the lists.
[[nodiscard]] std::unordered_map<RankId, std::size_t> living(std::span<const RankId> ranks,
                                                             std::span<const RankTraits> traits) {
  SY_CHECK(ranks.size() == traits.size(), "{} ranks, {} descriptions", ranks.size(), traits.size());
  std::unordered_map<RankId, std::size_t> out;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    if (traits[r].alive) out.emplace(ranks[r], r);
  }
  return out;
}

// Copies that a living rank has to load, the most on one rank, and whether now an expert has none.
struct Changes {
  std::size_t loads = 0;
  std::size_t loads_max = 0;
  bool repair = false;
};

[[nodiscard]] Changes changes(const RebalanceQuestion& question) {
  const auto alive = living(question.ranks, question.traits);
  std::vector<std::size_t> loads(question.ranks.size(), 0);
  Changes out;
  for (std::size_t l = 0; l < question.now->layers(); ++l) {
    for (std::uint32_t e = 0; e < question.now->experts(); ++e) {
      const auto before = question.now->replicas(l, ExpertId(e));
      out.repair |= std::ranges::none_of(
          before, [&](const Replica& copy) { return alive.contains(copy.rank); });
      for (const Replica& copy : question.plan->replicas(l, ExpertId(e))) {
        const auto rank = alive.find(copy.rank);
        const bool there =
            std::ranges::any_of(before, [&](const Replica& old) { return old.rank == copy.rank; });
        if (rank == alive.end() || there) continue;
        ++out.loads;
        out.loads_max = std::max(out.loads_max, ++loads[rank->second]);
      }
    }
  }
  return out;
}

struct LayerTime {
  double slowest = 0;  // largest load / speed
  double even = 0;     // of the same loads, spread by speed
};

[[nodiscard]] std::vector<LayerTime> layer_times(const Placement& placement,
                                                 std::span<const RankId> ranks,
                                                 std::span<const RankTraits> traits,
                                                 std::span<const std::uint64_t> loads) {
  SY_CHECK(loads.size() == placement.layers() * placement.experts(), "{} loads", loads.size());
  const auto alive = living(ranks, traits);
  double speed = 0;
  for (const auto& traits_of_rank : traits)
    speed += traits_of_rank.alive ? traits_of_rank.speed : 0;
  std::vector<LayerTime> out(placement.layers());
  std::vector<std::size_t> homes;
  for (std::size_t l = 0; l < placement.layers(); ++l) {
    std::vector<double> rank_load(ranks.size(), 0.0);
    for (std::uint32_t e = 0; e < placement.experts(); ++e) {
      homes.clear();
      for (const Replica& copy : placement.replicas(l, ExpertId(e))) {
        if (const auto r = alive.find(copy.rank); r != alive.end()) homes.push_back(r->second);
      }
      if (homes.empty()) continue;
      const auto load = static_cast<double>(loads[l * placement.experts() + e]);
      out[l].even += load / speed;
      for (const std::size_t r : homes) rank_load[r] += load / static_cast<double>(homes.size());
    }
    for (std::size_t r = 0; r < ranks.size(); ++r) {
      out[l].slowest = std::max(out[l].slowest, rank_load[r] / traits[r].speed);
    }
  }
  return out;
}

[[nodiscard]] RebalanceReason judge(const RebalanceDecision& decision, bool repair,
                                    const RebalanceLimits& limits, double floor) {
  if (repair) return RebalanceReason::kRepair;
  if (decision.loads == 0) return RebalanceReason::kNoChange;
  if (decision.imbalance_now < limits.imbalance_min * std::max(1.0, floor)) {
    return RebalanceReason::kEven;
  }
  const double improvement = 1 - decision.imbalance_plan / decision.imbalance_now;
  if (improvement < limits.improvement_min) return RebalanceReason::kTooLittle;
  if (decision.gain_seconds <= decision.cost_seconds) return RebalanceReason::kTooDear;
  return RebalanceReason::kWorthIt;
}

}  // namespace

std::string_view to_string(RebalanceReason reason) noexcept {
  switch (reason) {
    case RebalanceReason::kWorthIt: return "worth it";
    case RebalanceReason::kRepair: return "an expert has no living copy";
    case RebalanceReason::kNoChange: return "the plan moves nothing";
    case RebalanceReason::kEven: return "even enough";
    case RebalanceReason::kTooLittle: return "improves too little";
    case RebalanceReason::kTooDear: return "costs more than it gains";
  }
  return "?";
}

double imbalance(const Placement& placement, std::span<const RankId> ranks,
                 std::span<const RankTraits> traits, std::span<const std::uint64_t> loads) {
  double slowest = 0;
  double even = 0;
  for (const LayerTime& layer : layer_times(placement, ranks, traits, loads)) {
    slowest += layer.slowest;
    even += layer.even;
  }
  return even == 0 ? 1.0 : slowest / even;
}

std::vector<double> layer_imbalance(const Placement& placement, std::span<const RankId> ranks,
                                    std::span<const RankTraits> traits,
                                    std::span<const std::uint64_t> loads) {
  std::vector<double> out;
  for (const LayerTime& layer : layer_times(placement, ranks, traits, loads)) {
    out.push_back(layer.even == 0 ? 1.0 : layer.slowest / layer.even);
  }
  return out;
}

RebalanceDecision decide_rebalance(const RebalanceQuestion& question, const RebalanceLimits& limits,
                                   const RebalanceTimes& times) {
  SY_CHECK(question.now != nullptr && question.plan != nullptr &&
               question.now->layers() == question.plan->layers() &&
               question.now->experts() == question.plan->experts(),
           "placements of different models");
  SY_CHECK(times.bytes_per_second > 0, "{} bytes/s", times.bytes_per_second);
  const Changes change = changes(question);
  RebalanceDecision decision;
  decision.loads = change.loads;
  decision.imbalance_now =
      imbalance(*question.now, question.ranks, question.traits, question.loads);
  decision.imbalance_plan =
      imbalance(*question.plan, question.ranks, question.traits, question.loads);
  const double gone = (decision.imbalance_now - decision.imbalance_plan) / decision.imbalance_now;
  decision.gain_seconds = times.step_seconds * times.expert_share * times.horizon_steps * gone;
  decision.cost_seconds = times.stall_seconds + static_cast<double>(change.loads_max) *
                                                    times.expert_bytes / times.bytes_per_second;
  decision.reason = judge(decision, change.repair, limits, question.imbalance_floor);
  decision.go =
      decision.reason == RebalanceReason::kRepair || decision.reason == RebalanceReason::kWorthIt;
  return decision;
}

}  // namespace switchyard::placement

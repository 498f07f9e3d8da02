// A plan that a client sends (docs/PLAN.md) instead of the balancer's own: what it must keep to,
// and the way there in the batches of a rebalance.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "runtime/control/controller/state.h"
#include "runtime/placement/plan_file.h"

namespace switchyard::control {
namespace {

using placement::PlanFile;

// Where the plan breaks its own limits or those of the cluster; empty: nowhere.
std::string fault_of(const PlanFile& plan, const std::set<RankId>& ranks, std::size_t replicas) {
  std::map<RankId, std::size_t> slots;
  for (std::size_t r = 0; r < plan.ranks.ranks.size(); ++r) {
    slots[plan.ranks.ranks[r]] = plan.ranks.traits[r].slots;
  }
  const placement::Placement& placement = plan.placement;
  for (std::size_t l = 0; l < placement.layers(); ++l) {
    for (std::uint32_t e = 0; e < placement.experts(); ++e) {
      const auto copies = placement.replicas(l, ExpertId(e));
      if (copies.size() < replicas) {
        return fmt::format("layer {} expert {} has {} copies, and {} of each are wanted", l, e,
                           copies.size(), replicas);
      }
      for (const auto& copy : copies) {
        if (ranks.contains(copy.rank)) continue;
        return fmt::format("layer {} expert {} is on rank {}, which is no expert rank now", l, e,
                           copy.rank.value());
      }
    }
    for (const auto& [rank, most] : slots) {
      const std::size_t held = ranks.contains(rank) ? placement.experts_of(l, rank).size() : 0;
      if (most == 0 || held <= most) continue;
      return fmt::format("layer {}: rank {} would hold {} copies in {} slots", l, rank.value(),
                         held, most);
    }
  }
  return {};
}

// As a body of POST /v1/place.
constexpr std::size_t kPlanBytesMax = std::size_t{16} << 20;

}  // namespace

Answer Controller::State::place(const std::string& text) {
  const auto refuse = [](std::string code, std::string reason) {
    return Answer{false, std::move(code), std::move(reason), {}};
  };
  if (const std::string reason = busy(); !reason.empty()) return refuse("busy", reason);
  if (text.size() > kPlanBytesMax) {
    return refuse("invalid",
                  fmt::format("a plan of {} bytes; {} are the most", text.size(), kPlanBytesMax));
  }
  const auto plan = placement::parse_plan(text, "the plan");
  if (!plan) return refuse("invalid", plan.error().message);
  if (plan->ranks.ranks.size() > members.size()) {
    return refuse("invalid", fmt::format("a plan for {} ranks; there are {}",
                                         plan->ranks.ranks.size(), members.size()));
  }
  const placement::Placement& goal = plan->placement;
  if (goal.layers() != model->moe_layers || goal.experts() != model->experts) {
    return refuse("invalid",
                  fmt::format("a plan for {} layers of {} experts; the model has {} of {}",
                              goal.layers(), goal.experts(), model->moe_layers, model->experts));
  }
  const auto roles = roles_to_balance();
  if (!roles) return refuse("busy", "an expert rank is away or unfit");
  if (const std::string fault = fault_of(*plan, roles->experts, target_replicas); !fault.empty()) {
    return refuse("invalid", fault);
  }
  const CopyTable table = CopyTable::of(goal);
  if (!covers(table, region_groups(*roles))) {
    return refuse("residency", "a residency rule would lack an expert in its regions");
  }
  if (!covers(table, regions_to_reach(*roles))) {
    return refuse("invalid", "a region would lack an expert, and each is to have all");
  }
  if (same_ranks(table, CopyTable::of(view->placement))) {
    return {true, "ok", "every expert is where the plan has it", {}};
  }
  begin_moves(goal, *roles, MovesFor::kPlan);
  if (!rebalance_under_way) return refuse("invalid", balancer.last()->reason);
  const std::string what = fmt::format("{} copies to load", rebalance_under_way->batches.loads());
  outbox.event("rebalance_begun", fmt::format("to a client's plan: {}", what));
  note_begin(MovesFor::kPlan, fmt::format("to a client's plan, {}", what));
  return {true, "ok", what, {}};
}

}  // namespace switchyard::control

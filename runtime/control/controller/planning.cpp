// Placements by the planners of runtime/placement: the question, out of what the controller knows.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/control/controller/state.h"
#include "runtime/control/rank_speeds.h"
#include "runtime/control/region_slots.h"
#include "runtime/placement/planner_table.h"

namespace switchyard::control {
namespace {

// Two regions may have given their zones the same name.
std::string full_zone(const Slot& slot) {
  return slot.zone.empty() ? slot.zone : fmt::format("{}/{}", slot.region, slot.zone);
}

}  // namespace

// For each residency rule whose regions have a router and an expert rank, those expert ranks.
std::vector<std::set<RankId>> Controller::State::region_groups(const Roles& roles) const {
  std::vector<std::set<RankId>> out;
  for (const ResidencyRule& rule : residency.rules()) {
    const auto inside = [&](RankId rank) {
      return residency.allows(rule.regime, members.at(rank).region);
    };
    if (std::ranges::none_of(roles.routers, inside)) continue;
    std::set<RankId> group;
    std::ranges::copy_if(roles.experts, std::inserter(group, group.end()), inside);
    if (!group.empty()) out.push_back(std::move(group));
  }
  return out;
}

// The expert ranks of each region, where every region is to have every expert.
std::vector<std::set<RankId>> Controller::State::regions_to_reach(const Roles& roles) const {
  if (options.balancing.reach == CopiesReach::kAnywhere) return {};
  std::map<std::string, std::set<RankId>> by_name;
  for (const RankId rank : roles.experts) by_name[members.at(rank).region].insert(rank);
  std::vector<std::set<RankId>> out;
  out.reserve(by_name.size());
  for (auto& [name, ranks] : by_name) out.push_back(std::move(ranks));
  return out;
}

RepairRequest Controller::State::repair_request(std::vector<RankId> targets, std::size_t replicas,
                                                Evenness evenness, const Roles& roles) const {
  RepairRequest out{std::move(targets),     replicas,          evenness,
                    region_groups(roles),   window.loads(now), {},
                    regions_to_reach(roles)};
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    const Slot& slot = members.at(RankId(r));
    out.spots[RankId(r)] = {slot.host, full_zone(slot)};
  }
  return out;
}

placement::PlanRequest Controller::State::plan_request(const Roles& roles) const {
  placement::PlanRequest request;
  request.expert_ranks.assign(roles.experts.begin(), roles.experts.end());
  request.layers = model->moe_layers;
  request.experts = model->experts;
  request.replicas = std::min<std::size_t>(target_replicas, roles.experts.size());
  request.every_region = options.balancing.reach == CopiesReach::kEveryRegion;
  // eplb knows ranks of equal room only, and no regions: repair() adds what they lack.
  const bool by_region = request.every_region && options.placement != "eplb";
  std::vector<std::string> regions;
  for (const RankId rank : request.expert_ranks) {
    regions.push_back(by_region ? members.at(rank).region : std::string());
  }
  const auto slots = region_slots(regions, request.experts, request.replicas);
  request.objective = options.balancing.objective;
  request.step_tokens = options.balancing.step_tokens;
  request.tokens = window.tokens(now);
  // Without the tokens that brought the loads nobody can say how many experts a step reads.
  if (request.tokens == 0) request.objective = placement::Objective::kTokens;
  std::vector<double> speeds(request.expert_ranks.size(), 1.0);
  if (options.balancing.speeds == RankSpeeds::kMeasured) {
    std::vector<RankWork> work;
    for (const RankId rank : request.expert_ranks) work.push_back(window.work(rank, now));
    speeds = measured_speeds(work);
  }
  for (const RankId rank : request.expert_ranks) {
    const Slot& slot = members.at(rank);
    placement::RankTraits traits;
    traits.slots = slots[request.ranks.size()] + options.balancing.extra_slots;
    traits.speed = speeds[request.ranks.size()];
    traits.host = slot.host;
    traits.zone = full_zone(slot);
    traits.region = slot.region;
    request.ranks.push_back(std::move(traits));
  }
  return request;
}

// A move of W bytes over B bytes/s costs the pairs that a rank computes meanwhile, divided by how
// many times the plan will serve what was reported: soon after the start that is less than a
// window.
double Controller::State::pairs_per_move() const {
  RankWork all;
  double reported_s = 0;
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    const RankWork work = window.work(RankId(r), now);
    if (work.pairs == 0) continue;
    all.pairs += work.pairs;
    all.serve_seconds += work.serve_seconds;
    reported_s = std::max(reported_s, work.seconds);
  }
  if (all.serve_seconds <= 0 || reported_s <= 0) return 0;
  const double move_s = static_cast<double>(model->expert_bytes) / balancer.load_bytes_per_second();
  const double times = std::max(1.0, to_seconds(options.balancing.horizon) / reported_s);
  return move_s * static_cast<double>(all.pairs) / all.serve_seconds / times;
}

// The same in the unit of the plan's objective. For activated experts: a step of the window spends
// its time on as many as it is expected to read, so that each of them stands for its share of it.
double Controller::State::move_cost(const placement::PlanRequest& request) const {
  const double cost = pairs_per_move();
  if (request.objective == placement::Objective::kTokens) return cost;
  const auto tokens = static_cast<double>(request.tokens);
  double pairs = 0;
  double activated = 0;
  for (const std::uint64_t load : request.loads) {
    pairs += static_cast<double>(load);
    const double unread = 1 - std::min(1.0, static_cast<double>(load) / tokens);
    activated += 1 - std::pow(unread, static_cast<double>(request.step_tokens));
  }
  return pairs == 0 ? 0 : cost * activated / pairs;
}

// The first placement is the one that was configured. Later ones go by the loads of late, away from
// what is there as little as pays, or as is better where moves are free; a planner that knows no
// loads then gives way to `balanced`.
Result<CopyTable> Controller::State::plan(const Roles& roles, PlanFrom from) {
  placement::PlanRequest request = plan_request(roles);
  std::string planner = options.placement;
  if (from != PlanFrom::kNothing) {
    request.loads = window.loads(now);
    if (!request.loads.empty() && placement::sees_of(planner) == placement::PlannerSees::kShape) {
      planner = "balanced";
    }
    request.previous = view->placement;
    if (from == PlanFrom::kThere) request.moves.cost = move_cost(request);
  }
  auto planned = placement::plan_placement(planner, request);
  if (!planned) {
    outbox.event("plan_failed",
                 fmt::format("{}; placed as 'contiguous' instead", planned.error().message));
    planned = placement::plan_placement("contiguous", request);
  }
  if (!planned) return Unexpected(planned.error());
  CopyTable table = CopyTable::of(*planned);
  auto how = repair_request(request.expert_ranks, request.replicas, Evenness::kLeave, roles);
  how.loads = request.loads;
  SY_TRY(repair(table, how));
  return table;
}

// Ranks have come or gone and every expert has a home: where the loads are known and the operator
// places by load, that home becomes the one that the planner gives it.
void Controller::State::plan_by_load(const Roles& roles, CopyTable& table) {
  const bool by_load = options.balancing.mode == BalancingMode::kActive ||
                       placement::sees_of(options.placement) == placement::PlannerSees::kLoads;
  placement::PlanRequest request = plan_request(roles);
  request.loads = window.loads(now);
  // Amid another number of copies the next of its plans goes by the loads anyhow.
  if (!by_load || request.loads.empty() || replica_change || copies_owed) return;
  auto previous = placement::Placement::create(table.layers, table.experts, table.copies);
  if (!previous) return;
  request.previous = std::move(previous).value();
  request.moves.cost = move_cost(request);
  const bool known = placement::sees_of(options.placement) == placement::PlannerSees::kLoads;
  const auto planned = placement::plan_placement(known ? options.placement : "balanced", request);
  if (!planned) return outbox.event("plan_failed", planned.error().message);
  CopyTable better = CopyTable::of(*planned);
  if (repair(better,
             repair_request(request.expert_ranks, request.replicas, Evenness::kLeave, roles))) {
    table = std::move(better);
  }
}

}  // namespace switchyard::control

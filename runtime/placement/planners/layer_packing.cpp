#include "runtime/placement/planners/layer_packing.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "runtime/base/check.h"

namespace switchyard::placement {
namespace {

// Numbers the names of one domain in the order of ranks; each rank without a host name has its own.
void number_domains(const std::vector<const RankTraits*>& traits, Domain domain,
                    PackingProblem& problem) {
  const auto d = static_cast<std::size_t>(domain);
  std::map<std::string, std::uint32_t> numbers;
  for (std::size_t r = 0; r < traits.size(); ++r) {
    std::string name = domain == Domain::kHost   ? traits[r]->host
                       : domain == Domain::kZone ? traits[r]->zone
                                                 : traits[r]->region;
    if (domain == Domain::kHost && name.empty()) name = fmt::format("/{}", r);
    const auto next = static_cast<std::uint32_t>(numbers.size());
    problem.ranks[r].domain[d] = numbers.emplace(std::move(name), next).first->second;
  }
  problem.domain_count[d] = numbers.size();
}

[[nodiscard]] Result<void> check_capacity(const PackingProblem& problem, bool every_region) {
  std::vector<std::size_t> region_slots(problem.domain_count[2], 0);
  std::size_t slots = 0;
  for (const auto& rank : problem.ranks) {
    slots += rank.slots;
    region_slots[rank.domain[2]] += rank.slots;
  }
  if (problem.ranks.size() < problem.copies_min || slots < problem.experts * problem.copies_min) {
    return fail(ErrorCode::kConfig,
                "balanced: {} experts with {} copies each do not fit {} slots on {} ranks",
                problem.experts, problem.copies_min, slots, problem.ranks.size());
  }
  const auto fewest = std::ranges::min_element(region_slots);
  if (every_region && *fewest < problem.experts) {
    const auto region = static_cast<std::uint32_t>(fewest - region_slots.begin());
    const auto rank = std::ranges::find_if(
        problem.ranks, [&](const auto& candidate) { return candidate.domain[2] == region; });
    return fail(ErrorCode::kConfig,
                "balanced: the region of rank {} has {} slots for a copy of each of {} experts",
                rank->id.value(), *fewest, problem.experts);
  }
  return {};
}

}  // namespace

Result<PackingProblem> PackingProblem::create(const PlanRequest& request) {
  const auto traits = effective_ranks(request);
  std::vector<std::size_t> order(traits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t r) { return request.expert_ranks[r]; });
  PackingProblem problem;
  problem.experts = request.experts;
  std::vector<const RankTraits*> used;
  for (const std::size_t r : order) {
    if (traits[r].slots == 0) continue;
    problem.ranks.push_back({request.expert_ranks[r], traits[r].slots, traits[r].speed, {}});
    used.push_back(&traits[r]);
  }
  for (const Domain domain : kDomains) number_domains(used, domain, problem);
  const auto [hosts, zones, regions] = problem.domain_count;
  problem.copies_min = std::max(request.replicas, request.every_region ? regions : 1);
  problem.spread = {std::min(problem.copies_min, hosts), std::min(problem.copies_min, zones),
                    request.every_region ? regions : 1};
  SY_TRY(check_capacity(problem, request.every_region));
  return problem;
}

CopyCost::CopyCost(const PlanRequest& request, std::size_t layer)
    : objective_(request.objective), step_tokens_(static_cast<double>(request.step_tokens)) {
  load_.assign(request.experts, 1.0);
  double tokens = static_cast<double>(request.experts);
  if (!request.loads.empty()) {
    const auto own = std::span(request.loads).subspan(layer * request.experts, request.experts);
    std::ranges::transform(own, load_.begin(), [](auto load) { return static_cast<double>(load); });
    tokens = static_cast<double>(request.tokens);
  }
  if (objective_ == Objective::kTokens) return;
  for (double& load : load_) load = std::min(1.0, load / tokens);
}

double CopyCost::operator()(ExpertId expert, std::size_t copies) const {
  if (copies == 0) return 0;
  const double share = load_[expert.index()] / static_cast<double>(copies);
  if (objective_ == Objective::kTokens) return share;
  return 1 - std::pow(1 - share, step_tokens_);
}

LayerPacking::LayerPacking(const PackingProblem& problem, const CopyCost& cost)
    : problem_(&problem),
      cost_(&cost),
      held_(problem.ranks.size()),
      ranks_of_(problem.experts),
      holds_(problem.ranks.size() * problem.experts, 0),
      copy_cost_(problem.experts, 0.0),
      load_(problem.ranks.size(), 0.0) {}

void LayerPacking::add(ExpertId expert, std::size_t rank) {
  SY_CHECK(!holds(rank, expert) && free_slots(rank) > 0, "expert {} rank {}", expert.value(), rank);
  holds_[rank * problem_->experts + expert.index()] = 1;
  held_[rank].insert(std::ranges::lower_bound(held_[rank], expert), expert);
  auto& ranks = ranks_of_[expert.index()];
  ranks.insert(std::ranges::lower_bound(ranks, rank), rank);
  update_cost(expert);
}

void LayerPacking::remove(ExpertId expert, std::size_t rank) {
  SY_CHECK(holds(rank, expert), "expert {} rank {}", expert.value(), rank);
  holds_[rank * problem_->experts + expert.index()] = 0;
  std::erase(held_[rank], expert);
  std::erase(ranks_of_[expert.index()], rank);
  update_cost(expert);
  update_load(rank);
}

void LayerPacking::update_cost(ExpertId expert) {
  copy_cost_[expert.index()] = cost_at(expert, copies(expert));
  for (const std::size_t rank : ranks_of(expert)) update_load(rank);
}

// Summed anew in the order of experts, so that the value does not depend on how it came about.
void LayerPacking::update_load(std::size_t rank) {
  load_[rank] = 0;
  for (const ExpertId expert : held_[rank]) load_[rank] += cost(expert);
}

std::size_t LayerPacking::busiest() const {
  std::size_t best = 0;
  for (std::size_t r = 1; r < load_.size(); ++r) {
    if (time(r) > time(best)) best = r;
  }
  return best;
}

std::size_t LayerPacking::reached(ExpertId expert, Domain domain, Exchange exchange) const {
  const auto d = static_cast<std::size_t>(domain);
  std::vector<std::uint32_t> domains;
  for (const std::size_t rank : ranks_of(expert)) {
    if (rank != exchange.without) domains.push_back(problem_->ranks[rank].domain[d]);
  }
  if (exchange.with != kNoRank) domains.push_back(problem_->ranks[exchange.with].domain[d]);
  std::ranges::sort(domains);
  return static_cast<std::size_t>(std::unique(domains.begin(), domains.end()) - domains.begin());
}

std::size_t LayerPacking::shortfall(ExpertId expert) const { return shortfall(expert, Exchange{}); }

std::size_t LayerPacking::shortfall(ExpertId expert, Exchange exchange) const {
  std::size_t missing = 0;
  for (const Domain domain : kDomains) {
    const std::size_t wanted = problem_->spread[static_cast<std::size_t>(domain)];
    if (wanted <= 1) continue;  // any copy will do
    const std::size_t there = reached(expert, domain, exchange);
    const std::size_t weight = domain == Domain::kRegion ? 2 * problem_->copies_min : 1;
    missing += weight * (wanted - std::min(wanted, there));
  }
  return missing;
}

std::size_t LayerPacking::shortfall(ExpertId expert, Domain domain) const {
  const std::size_t wanted = problem_->spread[static_cast<std::size_t>(domain)];
  return wanted - std::min(wanted, reached(expert, domain, {}));
}

}  // namespace switchyard::placement

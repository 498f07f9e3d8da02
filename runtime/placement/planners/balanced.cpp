// The planner `balanced`: layer by layer a greedy start and a local search, then the layers share
// the moves that are allowed.
#include <algorithm>

#include "runtime/placement/planners/layer_affinity.h"
#include "runtime/placement/planners/layer_search.h"
#include "runtime/placement/planners/layer_start.h"
#include "runtime/placement/planners/move_budget.h"
#include "runtime/placement/planners/planner.h"

namespace switchyard::placement {
namespace {

[[nodiscard]] Unexpected in_layer(Error error, std::size_t layer) {
  return with_place(std::move(error), fmt::format("layer {}", layer));
}

[[nodiscard]] Result<LayerPacking> plan_afresh(const PlanRequest& request,
                                               const PackingProblem& problem, const CopyCost& cost,
                                               std::size_t layer) {
  LayerPacking packing(problem, cost);
  if (auto filled = fill_fresh(packing, request.objective); !filled) {
    return in_layer(std::move(filled).error(), layer);
  }
  static_cast<void>(balance(packing, EarlierCopies(problem, request.previous, layer)));
  if (!request.chosen_together.empty()) {
    const std::size_t pairs = request.experts * request.experts;
    gather_partners(packing, std::span(request.chosen_together).subspan(layer * pairs, pairs),
                    packing.objective() * (1 + request.together_tolerance));
  }
  return packing;
}

// What a layer can become: the previous placement made whole, that after some of the steps that
// balance it, or a plan from nothing.
struct LayerPlans {
  LayerPacking whole;
  SearchTrail trail;
  LayerPacking fresh;
  std::vector<LayerOption> options;  // [steps + 2], the last is `fresh`

  [[nodiscard]] const LayerPacking& take(std::size_t option) {
    if (option + 1 == options.size()) return fresh;
    for (std::size_t s = 0; s < option; ++s) take_step(whole, trail.steps[s]);
    return whole;
  }
};

[[nodiscard]] Result<LayerPlans> improve_previous(const PlanRequest& request,
                                                  const PackingProblem& problem,
                                                  const CopyCost& cost, std::size_t layer) {
  LayerPacking whole(problem, cost);
  if (auto filled = fill_from_previous(whole, request.previous, layer); !filled) {
    return in_layer(std::move(filled).error(), layer);
  }
  const EarlierCopies earlier(problem, request.previous, layer);
  LayerPacking improved = whole;
  SearchTrail trail = balance(improved, earlier);
  SY_ASSIGN(LayerPacking fresh, plan_afresh(request, problem, cost, layer));
  const std::size_t needed = trail.points.front().moved;
  const auto option = [&](double objective, std::size_t moved) {
    return LayerOption{objective, moved - std::min(moved, needed)};
  };
  std::vector<LayerOption> options;
  for (const auto& point : trail.points) options.push_back(option(point.objective, point.moved));
  options.push_back(option(fresh.objective(), earlier.moved(fresh)));
  return LayerPlans{std::move(whole), std::move(trail), std::move(fresh), std::move(options)};
}

// Slots of one layer: a copy that stays keeps its slot, the others take the lowest free ones by
// expert.
void number_slots(const LayerPacking& packing, const Placement& previous, std::size_t layer,
                  std::vector<std::vector<Replica>>& out) {
  const auto& ranks = packing.problem().ranks;
  const std::size_t first = layer * packing.problem().experts;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    std::vector<bool> taken(ranks[r].slots, false);
    std::vector<ExpertId> open;
    for (const ExpertId expert : packing.held(r)) {
      bool stays = false;
      if (previous.layers() != 0) {
        for (const Replica& old : previous.replicas(layer, expert)) {
          if (old.rank != ranks[r].id || old.slot.index() >= ranks[r].slots) continue;
          taken[old.slot.index()] = stays = true;
          out[first + expert.index()].push_back(old);
        }
      }
      if (!stays) open.push_back(expert);
    }
    std::uint32_t slot = 0;
    for (const ExpertId expert : open) {
      while (taken[slot]) ++slot;
      out[first + expert.index()].push_back({ranks[r].id, SlotId(slot++)});
    }
  }
}

}  // namespace

Result<Placement> plan_balanced(const PlanRequest& request) {
  SY_ASSIGN(const PackingProblem problem, PackingProblem::create(request));
  std::vector<CopyCost> costs;
  for (std::size_t l = 0; l < request.layers; ++l) costs.emplace_back(request, l);
  std::vector<std::vector<Replica>> replicas(request.layers * request.experts);
  if (request.previous.layers() == 0) {
    for (std::size_t l = 0; l < request.layers; ++l) {
      SY_ASSIGN(const LayerPacking packing, plan_afresh(request, problem, costs[l], l));
      number_slots(packing, request.previous, l, replicas);
    }
    return Placement::create(request.layers, request.experts, std::move(replicas));
  }
  std::vector<LayerPlans> plans;
  std::vector<std::vector<LayerOption>> options;
  for (std::size_t l = 0; l < request.layers; ++l) {
    SY_ASSIGN(LayerPlans layer, improve_previous(request, problem, costs[l], l));
    options.push_back(layer.options);
    plans.push_back(std::move(layer));
  }
  const auto chosen = choose_options(options, request.moves);
  for (std::size_t l = 0; l < request.layers; ++l) {
    number_slots(plans[l].take(chosen[l]), request.previous, l, replicas);
  }
  return Placement::create(request.layers, request.experts, std::move(replicas));
}

}  // namespace switchyard::placement

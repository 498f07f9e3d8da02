// runtime/placement/planners/move_budget.h -- which of each layer's possible plans to take when
// moves cost something or are few. Thread safety: functions without state.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/placement/plan_request.h"

namespace switchyard::placement {

// A plan that a layer could have. `moved` counts what it moves beyond option 0, which is always
// possible; `objective` is what the layer then costs.
struct LayerOption {
  double objective = 0;
  std::size_t moved = 0;
};

// The option to take in each layer: the one that saves most after its moves are paid, with as many
// moves in all layers together as are allowed. Where they do not suffice, the layers' steps with
// most gain per move come first (the greedy for convex knapsacks: Fox 1966), so a step is taken
// only if it saves more than its moves cost. Equals: fewer moves, lower layer.
[[nodiscard]] std::vector<std::size_t> choose_options(
    const std::vector<std::vector<LayerOption>>& layers, const MoveLimits& limits);

}  // namespace switchyard::placement

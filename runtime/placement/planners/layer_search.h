// runtime/placement/planners/layer_search.h -- makes the slowest rank of a layer faster, step by
// step, and records the steps, so that a caller can take only the first few of them.
// Thread safety: functions without state.
#pragma once

#include <vector>

#include "runtime/placement/planners/layer_packing.h"

namespace switchyard::placement {

struct Change {
  enum class Kind : std::uint8_t { kRemove, kAdd };
  Kind kind = Kind::kRemove;
  ExpertId expert;
  std::size_t rank = 0;
};
using Step = std::vector<Change>;  // in this order

void take_step(LayerPacking& packing, const Step& step);

// Where copies were before planning; nothing is to be saved where there was no placement.
class EarlierCopies {
 public:
  EarlierCopies(const PackingProblem& problem, const Placement& previous, std::size_t layer);
  [[nodiscard]] bool had(std::size_t rank, ExpertId expert) const {
    return had_[rank * experts_ + expert.index()] != 0;
  }
  // Copies that the packing has and that were not there before.
  [[nodiscard]] std::size_t moved(const LayerPacking& packing) const;

 private:
  std::size_t experts_;
  std::vector<std::uint8_t> had_;  // [ranks, experts]
};

struct SearchTrail {
  struct Point {
    double objective = 0;
    std::size_t moved = 0;  // EarlierCopies::moved
  };
  std::vector<Step> steps;
  std::vector<Point> points;  // [steps + 1], the first before any step
};

// Steepest descent: of all ways to take a copy off the slowest rank (move it, exchange it for one
// of another rank, add a copy elsewhere in a free slot or in place of a spare copy, drop a spare
// copy) the one after which the slowest rank concerned is fastest; of equals the one with fewest
// moved copies, then the first by expert and rank. Ends where none makes it faster. Never worsens
// an expert's shortfall. The packing is left after the last step.
[[nodiscard]] SearchTrail balance(LayerPacking& packing, const EarlierCopies& earlier);

}  // namespace switchyard::placement

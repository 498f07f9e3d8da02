#include "runtime/placement/planners/move_budget.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace switchyard::placement {
namespace {

// From one corner of a layer's hull to the next.
struct HullStep {
  std::size_t layer = 0;
  std::size_t option = 0;
  std::size_t moves = 0;
  double gain = 0;  // after paying the moves; above 0
  [[nodiscard]] double rate() const { return gain / static_cast<double>(moves); }
};

// The corners of the upper concave hull of gain over moves, from the best without moves to the best
// of all.
class Hull {
 public:
  Hull(const std::vector<LayerOption>& options, double cost) : options_(options), cost_(cost) {
    std::vector<std::size_t> order(options.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t i) {
      return std::tuple(options_[i].moved, options_[i].objective);
    });
    for (const std::size_t i : order) add(i);
  }

  [[nodiscard]] const std::vector<std::size_t>& corners() const { return corners_; }
  [[nodiscard]] double gain(std::size_t from, std::size_t to) const { return net(to) - net(from); }

 private:
  [[nodiscard]] double net(std::size_t i) const {
    return -options_[i].objective - cost_ * static_cast<double>(options_[i].moved);
  }
  [[nodiscard]] double moves(std::size_t from, std::size_t to) const {
    return static_cast<double>(options_[to].moved) - static_cast<double>(options_[from].moved);
  }
  void add(std::size_t i) {
    // Rounding is no gain.
    const double noise = 1e-9 * options_[i].objective;
    if (!corners_.empty() && gain(corners_.back(), i) <= noise) return;
    while (corners_.size() >= 2) {
      const std::size_t last = corners_.back();
      const std::size_t before = corners_[corners_.size() - 2];
      if (gain(before, last) * moves(last, i) > gain(last, i) * moves(before, last)) break;
      corners_.pop_back();
    }
    corners_.push_back(i);
  }

  const std::vector<LayerOption>& options_;
  double cost_;
  std::vector<std::size_t> corners_;
};

}  // namespace

std::vector<std::size_t> choose_options(const std::vector<std::vector<LayerOption>>& layers,
                                        const MoveLimits& limits) {
  std::vector<std::size_t> chosen(layers.size(), 0);
  std::vector<HullStep> steps;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Hull hull(layers[l], limits.cost);
    const auto& corners = hull.corners();
    chosen[l] = corners.front();
    for (std::size_t c = 1; c < corners.size(); ++c) {
      steps.push_back({l, corners[c], layers[l][corners[c]].moved - layers[l][corners[c - 1]].moved,
                       hull.gain(corners[c - 1], corners[c])});
    }
  }
  std::ranges::stable_sort(steps, std::ranges::greater{}, &HullStep::rate);
  std::vector<bool> closed(layers.size(), false);  // a step did not fit; the next need it
  std::size_t left = limits.most;
  for (const HullStep& step : steps) {
    if (closed[step.layer] || step.moves > left) {
      closed[step.layer] = true;
      continue;
    }
    left -= step.moves;
    chosen[step.layer] = step.option;
  }
  return chosen;
}

}  // namespace switchyard::placement

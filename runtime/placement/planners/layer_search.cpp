#include "runtime/placement/planners/layer_search.h"

#include <algorithm>
#include <initializer_list>
#include <optional>

#include "runtime/base/check.h"

namespace switchyard::placement {
namespace {

// Gains below this share are rounding.
constexpr double kGainMin = 1e-9;
// A step brings the slowest rank down; 8 per copy are far more than a descent takes.
constexpr std::size_t kStepsPerCopyMax = 8;

// The best step that takes load off one rank.
class StepFinder {
 public:
  StepFinder(const LayerPacking& packing, const EarlierCopies& earlier, std::size_t rank)
      : packing_(packing),
        earlier_(earlier),
        from_(rank),
        limit_(packing.time(rank) * (1 - kGainMin)) {}

  [[nodiscard]] std::optional<Step> best() {
    for (const ExpertId expert : packing_.held(from_)) {
      if (packing_.cost(expert) <= 0) continue;
      consider_drop(expert);
      for (std::size_t to = 0; to < packing_.problem().ranks.size(); ++to) {
        if (packing_.holds(to, expert)) continue;
        consider_move(expert, to);
        consider_copy(expert, to);
      }
    }
    return best_;
  }

 private:
  using Kind = Change::Kind;

  void consider_move(ExpertId expert, std::size_t to) {
    const double cost = packing_.cost(expert);
    const double from_load = packing_.load(from_) - cost;
    const double to_load = packing_.load(to) + cost;
    if (!may_leave(expert, from_, to)) return;
    if (packing_.free_slots(to) > 0) {
      offer(std::max(packing_.time(from_, from_load), packing_.time(to, to_load)),
            {{Kind::kRemove, expert, from_}, {Kind::kAdd, expert, to}});
    }
    for (const ExpertId other : packing_.held(to)) {
      const double back = packing_.cost(other);
      if (back >= cost || packing_.holds(from_, other)) continue;
      const double worst =
          std::max(packing_.time(from_, from_load + back), packing_.time(to, to_load - back));
      if (!promising(worst) || !may_leave(other, to, from_)) continue;
      offer(worst, {{Kind::kRemove, expert, from_},
                    {Kind::kRemove, other, to},
                    {Kind::kAdd, expert, to},
                    {Kind::kAdd, other, from_}});
    }
  }

  // One more copy of `expert` on `to`, in a free slot or in place of a spare copy there.
  void consider_copy(ExpertId expert, std::size_t to) {
    const std::size_t copies = packing_.copies(expert);
    const double cost = packing_.cost_at(expert, copies + 1);
    const double relief = packing_.cost(expert) - cost;
    if (!promising(packing_.time(from_, packing_.load(from_) - relief))) return;
    if (packing_.free_slots(to) > 0) {
      offer(slowest_with({expert, -relief}, {to, cost}, std::nullopt), {{Kind::kAdd, expert, to}});
    }
    for (const ExpertId other : packing_.held(to)) {
      if (!is_spare(other, to)) continue;
      const double burden =
          packing_.cost_at(other, packing_.copies(other) - 1) - packing_.cost(other);
      offer(
          slowest_with({expert, -relief}, {to, cost - packing_.cost(other)}, Shift{other, burden}),
          {{Kind::kRemove, other, to}, {Kind::kAdd, expert, to}});
    }
  }

  void consider_drop(ExpertId expert) {
    if (!is_spare(expert, from_)) return;
    const double burden =
        packing_.cost_at(expert, packing_.copies(expert) - 1) - packing_.cost(expert);
    offer(slowest_with({expert, burden}, {from_, -packing_.cost(expert)}, std::nullopt),
          {{Kind::kRemove, expert, from_}});
  }

  // A change of the load of every rank that holds the expert.
  struct Shift {
    ExpertId expert;
    double by = 0;
  };
  // A rank that gets or gives up a copy: its load changes by this alone.
  struct Target {
    std::size_t rank = 0;
    double by = 0;
  };

  // The time of the slowest rank concerned.
  [[nodiscard]] double slowest_with(Shift first, Target target, std::optional<Shift> second) const {
    const auto shift_on = [&](const std::optional<Shift>& shift, std::size_t rank) {
      return shift && packing_.holds(rank, shift->expert) ? shift->by : 0.0;
    };
    double slowest = 0;
    const auto take = [&](std::size_t rank, double by) {
      slowest = std::max(slowest, packing_.time(rank, packing_.load(rank) + by));
    };
    take(target.rank, target.by);
    for (const auto& shift : {std::optional(first), second}) {
      if (!shift) continue;
      for (const std::size_t rank : packing_.ranks_of(shift->expert)) {
        if (rank == target.rank) continue;
        take(rank, shift_on(first, rank) + shift_on(second, rank));
      }
    }
    return slowest;
  }

  [[nodiscard]] bool is_spare(ExpertId expert, std::size_t rank) const {
    return packing_.copies(expert) > packing_.problem().copies_min &&
           packing_.shortfall(expert, {.without = rank}) <= packing_.shortfall(expert);
  }
  [[nodiscard]] bool may_leave(ExpertId expert, std::size_t from, std::size_t to) const {
    return packing_.shortfall(expert, {.without = from, .with = to}) <= packing_.shortfall(expert);
  }
  [[nodiscard]] bool promising(double worst) const { return worst <= limit_; }

  void offer(double worst, std::initializer_list<Change> step) {
    if (!promising(worst)) return;
    long moved = 0;
    for (const Change& change : step) {
      if (earlier_.had(change.rank, change.expert)) continue;
      moved += change.kind == Kind::kAdd ? 1 : -1;
    }
    const double equal = kGainMin * limit_;
    if (best_ &&
        (worst > best_worst_ + equal || (worst > best_worst_ - equal && moved >= best_moved_))) {
      return;
    }
    best_.emplace(step);
    best_worst_ = worst;
    best_moved_ = moved;
  }

  const LayerPacking& packing_;
  const EarlierCopies& earlier_;
  std::size_t from_;
  double limit_;
  std::optional<Step> best_;
  double best_worst_ = 0;
  long best_moved_ = 0;
};

}  // namespace

void take_step(LayerPacking& packing, const Step& step) {
  for (const Change& change : step) {
    if (change.kind == Change::Kind::kAdd) {
      packing.add(change.expert, change.rank);
    } else {
      packing.remove(change.expert, change.rank);
    }
  }
}

EarlierCopies::EarlierCopies(const PackingProblem& problem, const Placement& previous,
                             std::size_t layer)
    : experts_(problem.experts), had_(problem.ranks.size() * problem.experts, 0) {
  if (previous.layers() == 0) return;
  for (std::uint32_t e = 0; e < problem.experts; ++e) {
    for (const Replica& replica : previous.replicas(layer, ExpertId(e))) {
      const auto found =
          std::ranges::lower_bound(problem.ranks, replica.rank, {}, &PackingProblem::Rank::id);
      if (found == problem.ranks.end() || found->id != replica.rank) continue;
      had_[static_cast<std::size_t>(found - problem.ranks.begin()) * experts_ + e] = 1;
    }
  }
}

std::size_t EarlierCopies::moved(const LayerPacking& packing) const {
  std::size_t count = 0;
  for (std::size_t r = 0; r < packing.problem().ranks.size(); ++r) {
    for (const ExpertId expert : packing.held(r)) count += had(r, expert) ? 0 : 1;
  }
  return count;
}

SearchTrail balance(LayerPacking& packing, const EarlierCopies& earlier) {
  SearchTrail trail;
  trail.points.push_back({packing.objective(), earlier.moved(packing)});
  std::size_t copies = 0;
  for (std::size_t r = 0; r < packing.problem().ranks.size(); ++r) copies += packing.held(r).size();
  while (trail.steps.size() < copies * kStepsPerCopyMax) {
    auto step = StepFinder(packing, earlier, packing.busiest()).best();
    if (!step) break;
    take_step(packing, *step);
    trail.steps.push_back(std::move(*step));
    trail.points.push_back({packing.objective(), earlier.moved(packing)});
  }
  return trail;
}

}  // namespace switchyard::placement

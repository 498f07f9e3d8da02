#include "runtime/placement/planners/layer_repair.h"

#include <algorithm>
#include <optional>

namespace switchyard::placement {
namespace {

// Expert goes from rank `from` to rank `to`; `other` (if any) leaves `to` for `from`, or for good.
struct Repair {
  std::size_t from = 0;
  std::size_t to = 0;
  std::optional<ExpertId> other;
  bool other_stays = false;  // as a copy on `from`
  double time = 0;           // of the slower of both ranks afterwards
};

class RepairSearch {
 public:
  RepairSearch(const LayerPacking& packing, ExpertId expert)
      : packing_(packing), expert_(expert), missing_(packing.shortfall(expert)) {}

  [[nodiscard]] std::optional<Repair> best() {
    for (const std::size_t from : packing_.ranks_of(expert_)) {
      for (std::size_t to = 0; to < packing_.problem().ranks.size(); ++to) {
        if (packing_.holds(to, expert_)) continue;
        if (packing_.shortfall(expert_, {.without = from, .with = to}) >= missing_) continue;
        consider(from, to);
      }
    }
    return best_;
  }

 private:
  void consider(std::size_t from, std::size_t to) {
    if (packing_.free_slots(to) > 0) offer({from, to, std::nullopt, false, 0}, 0);
    for (const ExpertId other : packing_.held(to)) {
      const std::size_t missing = packing_.shortfall(other);
      if (!packing_.holds(from, other) &&
          packing_.shortfall(other, {.without = to, .with = from}) <= missing) {
        offer({from, to, other, true, 0}, packing_.cost(other));
      } else if (packing_.copies(other) > packing_.problem().copies_min &&
                 packing_.shortfall(other, {.without = to}) <= missing) {
        offer({from, to, other, false, 0}, packing_.cost(other));
      }
    }
  }

  void offer(Repair repair, double other_cost) {
    const double cost = packing_.cost(expert_);
    const double back = repair.other_stays ? other_cost : 0;
    repair.time = std::max(packing_.time(repair.from, packing_.load(repair.from) - cost + back),
                           packing_.time(repair.to, packing_.load(repair.to) + cost - other_cost));
    if (!best_ || repair.time < best_->time) best_ = repair;
  }

  const LayerPacking& packing_;
  ExpertId expert_;
  std::size_t missing_;
  std::optional<Repair> best_;
};

}  // namespace

void repair_spread(LayerPacking& packing) {
  for (std::uint32_t e = 0; e < packing.problem().experts; ++e) {
    const ExpertId expert(e);
    while (packing.shortfall(expert) > 0) {
      const auto repair = RepairSearch(packing, expert).best();
      if (!repair) break;
      packing.remove(expert, repair->from);
      if (repair->other) packing.remove(*repair->other, repair->to);
      packing.add(expert, repair->to);
      if (repair->other_stays) packing.add(*repair->other, repair->from);
    }
  }
}

void give_up_spare_copies(LayerPacking& packing) {
  const PackingProblem& problem = packing.problem();
  std::size_t missing = 0;
  std::size_t free = 0;
  for (std::uint32_t e = 0; e < problem.experts; ++e) {
    missing += problem.copies_min - std::min(problem.copies_min, packing.copies(ExpertId(e)));
  }
  for (std::size_t r = 0; r < problem.ranks.size(); ++r) free += packing.free_slots(r);
  for (; free < missing; ++free) {
    std::optional<ExpertId> least;
    for (std::uint32_t e = 0; e < problem.experts; ++e) {
      const ExpertId expert(e);
      if (packing.copies(expert) <= problem.copies_min) continue;
      if (!least || packing.cost(expert) < packing.cost(*least)) least = expert;
    }
    if (!least) return;
    packing.remove(*least, packing.ranks_of(*least).back());
  }
}

}  // namespace switchyard::placement

#include "runtime/placement/planners/layer_affinity.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace switchyard::placement {
namespace {

constexpr std::size_t kSweepsMax = 8;

class PartnerSearch {
 public:
  PartnerSearch(LayerPacking& packing, std::span<const std::uint32_t> together, double time_max)
      : packing_(packing),
        time_max_(time_max),
        experts_(packing.problem().experts),
        ranks_(packing.problem().ranks.size()),
        pairs_(experts_ * experts_, 0.0F),
        bonds_(experts_ * ranks_, 0.0F) {
    for (std::size_t e = 0; e < experts_; ++e) {
      for (std::size_t f = 0; f < experts_; ++f) {
        if (e == f) continue;
        const auto both = std::uint64_t{together[e * experts_ + f]} + together[f * experts_ + e];
        pairs_[e * experts_ + f] = static_cast<float>(both);
      }
    }
    for (std::size_t r = 0; r < ranks_; ++r) {
      for (const ExpertId there : packing.held(r)) shift_bonds(there, r, 1.0F);
    }
  }

  // Whether anything was exchanged.
  bool sweep() {
    bool changed = false;
    for (std::size_t a = 0; a < ranks_; ++a) {
      for (std::size_t b = a + 1; b < ranks_; ++b) changed |= exchange_between(a, b);
    }
    return changed;
  }

 private:
  bool exchange_between(std::size_t a, std::size_t b) {
    bool changed = false;
    for (std::size_t i = 0; i < packing_.held(a).size(); ++i) {
      const ExpertId mine = packing_.held(a)[i];
      if (packing_.holds(b, mine)) continue;
      for (const ExpertId yours : packing_.held(b)) {
        if (packing_.holds(a, yours) || gain(mine, a, yours, b) <= 0 || !allowed(mine, a, yours, b))
          continue;
        exchange(mine, a, yours, b);
        changed = true;
        break;  // both lists have changed
      }
    }
    return changed;
  }

  // How often the expert is chosen with those on the rank, itself left out.
  [[nodiscard]] float bond(ExpertId expert, std::size_t rank) const {
    return bonds_[rank * experts_ + expert.index()];
  }
  [[nodiscard]] float gain(ExpertId mine, std::size_t a, ExpertId yours, std::size_t b) const {
    const float now = bond(mine, a) + bond(yours, b);
    const float lost = 2 * pairs_[mine.index() * experts_ + yours.index()];
    return bond(mine, b) + bond(yours, a) - lost - now;
  }
  [[nodiscard]] bool allowed(ExpertId mine, std::size_t a, ExpertId yours, std::size_t b) const {
    const double shift = packing_.cost(yours) - packing_.cost(mine);
    if (packing_.time(a, packing_.load(a) + shift) > time_max_ ||
        packing_.time(b, packing_.load(b) - shift) > time_max_) {
      return false;
    }
    return packing_.shortfall(mine, {.without = a, .with = b}) <= packing_.shortfall(mine) &&
           packing_.shortfall(yours, {.without = b, .with = a}) <= packing_.shortfall(yours);
  }
  void exchange(ExpertId mine, std::size_t a, ExpertId yours, std::size_t b) {
    packing_.remove(mine, a);
    packing_.remove(yours, b);
    packing_.add(mine, b);
    packing_.add(yours, a);
    shift_bonds(mine, a, -1.0F);
    shift_bonds(yours, b, -1.0F);
    shift_bonds(mine, b, 1.0F);
    shift_bonds(yours, a, 1.0F);
  }
  void shift_bonds(ExpertId moved, std::size_t rank, float sign) {
    const float* row = &pairs_[moved.index() * experts_];
    float* bonds = &bonds_[rank * experts_];
    for (std::size_t e = 0; e < experts_; ++e) bonds[e] += sign * row[e];
  }

  LayerPacking& packing_;
  double time_max_;
  std::size_t experts_;
  std::size_t ranks_;
  std::vector<float> pairs_;  // [experts, experts] symmetric; whole numbers below 2^24 are exact
  std::vector<float> bonds_;  // [ranks, experts]
};

}  // namespace

void gather_partners(LayerPacking& packing, std::span<const std::uint32_t> together,
                     double time_max) {
  const std::size_t experts = packing.problem().experts;
  SY_CHECK(together.size() == experts * experts, "{} counts", together.size());
  PartnerSearch search(packing, together, time_max);
  for (std::size_t i = 0; i < kSweepsMax && search.sweep(); ++i) {
  }
}

}  // namespace switchyard::placement

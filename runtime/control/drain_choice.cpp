#include "runtime/control/drain_choice.h"

#include <algorithm>
#include <limits>

#include "runtime/base/check.h"

namespace switchyard::control {

std::vector<RankId> choose_drain(std::span<const RankSample> ranks, std::size_t count) {
  SY_CHECK(count <= ranks.size(), "drain {} of {} ranks", count, ranks.size());
  std::vector<RankSample> sorted(ranks.begin(), ranks.end());
  const auto load = [](const RankSample& sample) {
    return sample.busy_share.value_or(std::numeric_limits<double>::infinity());
  };
  std::ranges::sort(sorted, [&](const RankSample& a, const RankSample& b) {
    if (a.needed != b.needed) return b.needed;
    return load(a) != load(b) ? load(a) < load(b) : a.rank > b.rank;
  });
  std::vector<RankId> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(sorted[i].rank);
  return out;
}

}  // namespace switchyard::control

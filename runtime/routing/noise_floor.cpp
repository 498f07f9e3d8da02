#include "runtime/routing/noise_floor.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/random.h"

namespace switchyard::routing {
namespace {

constexpr std::uint64_t kSimulatedMax = std::uint64_t{1} << 20;

// max / mean of the sums of `loads` over the ranks of a contiguous placement.
[[nodiscard]] double rank_imbalance(const std::vector<std::uint64_t>& loads, std::size_t ranks,
                                    double assignments) {
  const std::size_t base = loads.size() / ranks;
  const std::size_t extra = loads.size() % ranks;
  std::uint64_t worst = 0;
  std::size_t e = 0;
  for (std::size_t r = 0; r < ranks; ++r) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < base + (r < extra ? 1 : 0); ++i) sum += loads[e++];
    worst = std::max(worst, sum);
  }
  return static_cast<double>(worst) * static_cast<double>(ranks) / assignments;
}

}  // namespace

NoiseFloor uniform_noise_floor(const NoiseFloorInput& input) {
  SY_CHECK(input.experts > 0 && input.ranks > 0 && input.draws > 0, "experts {}, ranks {}",
           input.experts, input.ranks);
  if (input.assignments == 0) return {};
  const std::uint64_t simulated = std::min(input.assignments, kSimulatedMax);
  const auto total = static_cast<double>(simulated);
  NoiseFloor mean{0, 0};
  std::vector<std::uint64_t> loads;
  for (std::size_t d = 0; d < input.draws; ++d) {
    loads.assign(input.experts, 0);
    Random random(hash_counters(input.seed, d));
    for (std::uint64_t i = 0; i < simulated; ++i) ++loads[random.next_below(input.experts)];
    const auto worst = static_cast<double>(*std::max_element(loads.begin(), loads.end()));
    mean.expert_max_over_mean += worst * static_cast<double>(input.experts) / total;
    mean.rank_max_over_mean += rank_imbalance(loads, input.ranks, total);
  }
  const double shrink = std::sqrt(total / static_cast<double>(input.assignments));
  const auto draws = static_cast<double>(input.draws);
  mean.expert_max_over_mean = 1 + (mean.expert_max_over_mean / draws - 1) * shrink;
  mean.rank_max_over_mean = 1 + (mean.rank_max_over_mean / draws - 1) * shrink;
  return mean;
}

}  // namespace switchyard::routing

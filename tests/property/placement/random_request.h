// tests/property/placement/random_request.h -- random questions to planners by load: ranks of many
// kinds, Zipf loads and how they drift. For tests only.
#pragma once

#include <vector>

#include "runtime/base/random.h"
#include "runtime/placement/plan_request.h"

namespace switchyard::placement {

// Ranks of unequal slots and speeds on hosts, in zones and regions, some dead; Zipf loads; either
// objective. May ask for more than its slots hold.
[[nodiscard]] PlanRequest random_request(Random& random);

// `ranks` equal ranks with `slots` slots each; no loads yet.
struct EvenRanks {
  std::size_t ranks = 8;
  std::size_t slots = 9;
};
[[nodiscard]] PlanRequest even_request(EvenRanks even, std::size_t layers, std::size_t experts);

// One distribution over experts per layer: Zipf with an exponent drawn from 0.35..0.75, shuffled.
class DriftingLoads {
 public:
  DriftingLoads(std::size_t layers, std::size_t experts, std::uint64_t seed);
  // Pairs per expert of the next window of `pairs` in each layer, counted as drawn (with the noise
  // of sampling), [layers * experts].
  [[nodiscard]] std::vector<std::uint64_t> window(std::uint64_t pairs);
  // log q += sigma * N(0, 1), renormalised.
  void drift(double sigma);

 private:
  std::size_t experts_;
  Random random_;
  std::vector<double> shares_;  // [layers * experts]
};

}  // namespace switchyard::placement

#include "runtime/routing/savings.h"

#include "runtime/base/check.h"

namespace switchyard::routing {

Savings measure_savings(double mean_k, std::size_t k_static, std::size_t experts,
                        TokenFlops flops) {
  SY_CHECK(k_static > 0 && experts > 0, "k_static {}, experts {}", k_static, experts);
  const auto k = static_cast<double>(k_static);
  const double at_static = flops.fixed + k * flops.expert;
  SY_CHECK(at_static > 0, "no FLOPs");
  return {1.0 - mean_k / static_cast<double>(experts), 1.0 - mean_k / k,
          1.0 - (flops.fixed + mean_k * flops.expert) / at_static};
}

}  // namespace switchyard::routing

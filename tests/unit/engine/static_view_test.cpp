// The first view of a world without a controller: who holds what on which host.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "runtime/engine/rank_parts.h"

namespace switchyard::engine {
namespace {

model::ModelConfig small_model() {
  model::ModelConfig config;
  config.layers = 2;
  config.moe_layer = {true, true};
  config.experts = 12;
  return config;
}

// `mpirun --host a:2,b:2`, one router: the ranks left are one on a and two on b. `balanced` keeps
// ranks to equal slots, so that it needs as many ranks on a.
TEST(StaticView, CopiesOfAnExpertAreOnDifferentHosts) {
  for (const std::string planner : {"contiguous", "round-robin", "balanced"}) {
    std::vector<std::string> hosts = {"a", "a", "b", "b"};
    if (planner == "balanced") hosts.insert(hosts.begin(), "a");
    ClusterOptions options;
    options.placement = planner;
    options.replicas = 2;
    const auto view = make_static_view(options, small_model(), hosts).value();
    ASSERT_GT(view.placement.layers(), 0U);
    for (std::size_t l = 0; l < view.placement.layers(); ++l) {
      for (std::uint32_t e = 0; e < 12; ++e) {
        const auto copies = view.placement.replicas(l, ExpertId(e));
        ASSERT_EQ(copies.size(), 2U);
        EXPECT_NE(hosts[copies[0].rank.index()], hosts[copies[1].rank.index()])
            << planner << " layer " << l << " expert " << e;
      }
    }
  }
}

// Where hosts tell nothing, or there is one copy, the plan is the one it would be on one host.
TEST(StaticView, HostsMoveNoFirstCopy) {
  const std::vector<std::string> two = {"a", "a", "b", "b"};
  const std::vector<std::string> one(4, "here");
  for (const char* planner : {"contiguous", "round-robin", "balanced", "eplb"}) {
    ClusterOptions options;
    options.placement = planner;
    const auto here = make_static_view(options, small_model(), one).value();
    const auto apart = make_static_view(options, small_model(), two).value();
    for (std::size_t l = 0; l < here.placement.layers(); ++l) {
      for (std::uint32_t e = 0; e < 12; ++e) {
        EXPECT_EQ(here.placement.replicas(l, ExpertId(e))[0].rank,
                  apart.placement.replicas(l, ExpertId(e))[0].rank)
            << planner << " layer " << l << " expert " << e;
      }
    }
  }
}

}  // namespace
}  // namespace switchyard::engine

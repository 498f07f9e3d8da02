#include "launcher/unled_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace switchyard::launcher {
namespace {

using ::testing::HasSubstr;

TEST(IdleRanks, AreThoseBeyondTheCopiesOfALayer) {
  config::ClusterSection cluster;
  EXPECT_EQ(idle_ranks(cluster, 16, 1), "");
  EXPECT_EQ(idle_ranks(cluster, 16, 17), "");
  EXPECT_THAT(idle_ranks(cluster, 16, 20),
              HasSubstr("16 copies of experts for 19 expert ranks: 3 "));
  cluster.replicas = 2;
  EXPECT_EQ(idle_ranks(cluster, 16, 20), "");
  cluster.replicas = 1;
  cluster.routers = 4;
  EXPECT_EQ(idle_ranks(cluster, 16, 20), "");
  cluster.colocate = true;
  EXPECT_THAT(idle_ranks(cluster, 16, 20), HasSubstr(": 4 of these"));
}

}  // namespace
}  // namespace switchyard::launcher

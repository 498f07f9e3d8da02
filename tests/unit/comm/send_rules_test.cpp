#include "comm/send_rules.h"

#include <gtest/gtest.h>

#include <array>

namespace switchyard::comm {
namespace {

TEST(CheckSend, AllowsTheLongestMessageToTheLastRank) {
  const TransportLimits limits{.message_bytes_max = 8};
  EXPECT_TRUE(check_send({.to = RankId(2), .bytes = 8, .world_size = 3}, limits).has_value());
}

TEST(CheckSend, RefusesRanksOutsideAndMessagesTooLong) {
  const TransportLimits limits{.message_bytes_max = 8};
  const auto outside = check_send({.to = RankId(3), .bytes = 0, .world_size = 3}, limits);
  ASSERT_FALSE(outside.has_value());
  EXPECT_EQ(outside.error().code, ErrorCode::kPeer);
  const auto too_long = check_send({.to = RankId(0), .bytes = 9, .world_size = 3}, limits);
  ASSERT_FALSE(too_long.has_value());
  EXPECT_EQ(too_long.error().code, ErrorCode::kLimit);
}

TEST(NameRanks, SaysOneOrSeveral) {
  constexpr std::array kRanks = {RankId(1), RankId(4)};
  EXPECT_EQ(name_ranks(kRanks), "ranks 1, 4");
  EXPECT_EQ(name_ranks(std::span(kRanks).first(1)), "rank 1");
}

}  // namespace
}  // namespace switchyard::comm

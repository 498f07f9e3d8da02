#include "runtime/placement/replica_choice.h"

#include <gmock/gmock.h>

#include <array>

namespace switchyard::placement {
namespace {

using ::testing::HasSubstr;

// One layer, one expert, copies on the ranks 1..copies; ranks 0 and 1 on host a, 2 and 3 on b, 4 on
// c.
View view_with(std::uint32_t first, std::uint32_t copies) {
  View view;
  view.epoch = Epoch(7);
  const std::array hosts = {"a", "a", "b", "b", "c"};
  for (std::uint32_t r = 0; r < hosts.size(); ++r) {
    view.members.push_back({RankId(r), true, true, hosts[r], "", ""});
  }
  std::vector<Replica> replicas;
  for (std::uint32_t r = first; r < first + copies; ++r) replicas.push_back({RankId(r), SlotId(0)});
  view.placement = Placement::create(1, 1, {replicas}).value();
  return view;
}

std::uint32_t chosen(const View& view, ReplicaRule rule, std::uint32_t source, std::uint64_t token,
                     std::uint32_t slot = 0) {
  auto choice = ReplicaChoice::create(rule, view, RankId(source)).value();
  const auto copies = view.placement.replicas(0, ExpertId(0));
  return copies[choice.choose(copies, {0, ExpertId(0), token, slot})].rank.value();
}

TEST(ReplicaChoice, LocalFirstPrefersItselfThenItsHost) {
  const auto view = view_with(1, 3);  // copies on 1, 2, 3
  for (std::uint64_t token = 0; token < 5; ++token) {
    EXPECT_EQ(chosen(view, ReplicaRule::kLocalFirst, 2, token), 2U);
    EXPECT_EQ(chosen(view, ReplicaRule::kLocalFirst, 0, token), 1U);
  }
}

TEST(ReplicaChoice, LocalFirstSpreadsOverRemoteCopies) {
  const auto view = view_with(1, 3);
  EXPECT_EQ(chosen(view, ReplicaRule::kLocalFirst, 4, 0), 1 + (0 + 4) % 3);
  EXPECT_EQ(chosen(view, ReplicaRule::kLocalFirst, 4, 1), 1 + (1 + 4) % 3);
  EXPECT_EQ(chosen(view, ReplicaRule::kLocalFirst, 4, 2), 1 + (2 + 4) % 3);
}

TEST(ReplicaChoice, RoundRobinGoesByTokenAndSlot) {
  const auto view = view_with(0, 3);
  EXPECT_EQ(chosen(view, ReplicaRule::kRoundRobin, 1, 5, 0), 2U);
  EXPECT_EQ(chosen(view, ReplicaRule::kRoundRobin, 1, 5, 1), 0U);
}

TEST(ReplicaChoice, WeightedKeepsEveryCopyWithinOneOfItsQuota) {
  const auto view = view_with(0, 4);
  const auto copies = view.placement.replicas(0, ExpertId(0));
  const std::vector<std::uint32_t> weights = {7, 1, 0, 5};
  auto choice = ReplicaChoice::create(ReplicaRule::kWeighted, view, RankId(0), weights).value();
  std::array<int, 4> sent{};
  for (int n = 1; n <= 200; ++n) {
    ++sent[choice.choose(copies, {0, ExpertId(0), 0, 0})];
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_LT(std::abs(sent[i] - weights[i] * n / 13.0), 1.0) << "copy " << i << " after " << n;
    }
  }
  EXPECT_EQ(sent[2], 0);
}

TEST(ReplicaChoice, WeightedRestartsFromTheBeginning) {
  const auto view = view_with(0, 3);
  const auto copies = view.placement.replicas(0, ExpertId(0));
  auto choice = ReplicaChoice::create(ReplicaRule::kWeighted, view, RankId(0)).value();
  const auto first = choice.choose(copies, {0, ExpertId(0), 0, 0});
  EXPECT_NE(choice.choose(copies, {0, ExpertId(0), 0, 0}), first);
  choice.restart();
  EXPECT_EQ(choice.choose(copies, {0, ExpertId(0), 0, 0}), first);
}

TEST(ReplicaChoice, RefusesWhatDoesNotFit) {
  const auto view = view_with(1, 2);
  const auto message = [&](RankId source, std::vector<std::uint32_t> weights) {
    const auto made = ReplicaChoice::create(ReplicaRule::kWeighted, view, source, weights);
    EXPECT_FALSE(made.has_value());
    return made ? "" : made.error().message;
  };
  EXPECT_THAT(message(RankId(9), {}), HasSubstr("rank 9 is no member of epoch 7"));
  EXPECT_THAT(message(RankId(0), {1}), HasSubstr("1 weights for 2 replicas"));
  EXPECT_THAT(message(RankId(0), {0, 0}), HasSubstr("layer 0 expert 0"));
  EXPECT_THAT(message(RankId(0), {1, 1U << 21}), HasSubstr("at most"));
  const auto stranger = view_with(4, 2);  // rank 5 does not exist
  EXPECT_FALSE(make_replica_choice("local-first", stranger, RankId(0)).has_value());
  EXPECT_THAT(make_replica_choice("farthest", view, RankId(0)).error().message,
              HasSubstr("local-first, round-robin, weighted, nearest"));
  EXPECT_TRUE(make_replica_choice("round-robin", view, RankId(0)).has_value());
}

}  // namespace
}  // namespace switchyard::placement

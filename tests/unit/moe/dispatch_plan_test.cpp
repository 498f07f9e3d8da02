#include "runtime/moe/dispatch_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "runtime/base/random.h"
#include "runtime/moe/rank_ramp.h"

namespace switchyard::moe {
namespace {

constexpr std::uint32_t kExperts = 7;
constexpr std::uint32_t kRanks = 3;

// Expert e lives on rank e mod 3; expert 0 on ranks 0 and 2.
placement::View make_view() {
  std::vector<std::vector<placement::Replica>> replicas;
  for (std::uint32_t e = 0; e < kExperts; ++e) {
    replicas.push_back({{RankId(e % kRanks), SlotId(e / kRanks)}});
  }
  replicas[0].push_back({RankId(2), SlotId(5)});
  placement::View view;
  view.epoch = Epoch(1);
  for (std::uint32_t r = 0; r < kRanks; ++r) {
    placement::Member member;
    member.rank = RankId(r);
    member.router = r == 0;
    member.expert = true;
    member.host = "here";
    view.members.push_back(member);
  }
  view.placement = placement::Placement::create(1, kExperts, std::move(replicas)).value();
  return view;
}

routing::Selections random_selections(std::size_t tokens, std::uint64_t seed) {
  Random random(seed);
  routing::Selections selections;
  for (std::size_t t = 0; t < tokens; ++t) {
    std::set<std::uint32_t> chosen;
    const std::size_t k = 1 + random.next_below(4);
    while (chosen.size() < k)
      chosen.insert(static_cast<std::uint32_t>(random.next_below(kExperts)));
    for (const auto e : chosen) {
      selections.experts.push_back(ExpertId(e));
      selections.weights.push_back(1.0F);
    }
    selections.slot_begin.push_back(static_cast<std::uint32_t>(selections.experts.size()));
    selections.fallbacks.push_back(routing::Fallback::kNone);
  }
  return selections;
}

TEST(DispatchPlan, AnswersEverySlotOnceWithARowSentOncePerRank) {
  const auto view = make_view();
  auto choice = placement::make_replica_choice("round-robin", view, RankId(0)).value();
  DispatchPlanner planner(kRanks, 64, 256);
  DispatchPlan plan;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    const auto selections = random_selections(64, seed);
    std::vector<std::uint32_t> keys(64);
    for (std::uint32_t t = 0; t < keys.size(); ++t) keys[t] = t;
    planner.plan(view, 0, selections, keys, {}, *choice, plan);
    std::set<std::uint32_t> slots;
    for (const auto& part : plan.ranks) {
      std::set<std::uint32_t> tokens;
      for (std::uint32_t r = 0; r < part.row_count; ++r) {
        EXPECT_TRUE(tokens.insert(plan.row_token[part.row_begin + r]).second) << "row sent twice";
      }
      for (std::uint32_t p = part.pair_begin; p < part.pair_begin + part.pair_count; ++p) {
        const auto slot = plan.pair_slot[p];
        EXPECT_TRUE(slots.insert(slot).second) << "slot answered twice";
        EXPECT_EQ(plan.pairs[p].expert, selections.experts[slot].value());
        const auto token = plan.row_token[part.row_begin + plan.pairs[p].row];
        EXPECT_LE(selections.slot_begin[token], slot);
        EXPECT_LT(slot, selections.slot_begin[token + 1]);
        const auto held = view.placement.experts_of(0, part.rank);
        EXPECT_NE(std::find(held.begin(), held.end(), selections.experts[slot]), held.end());
      }
    }
    EXPECT_EQ(slots.size(), selections.slot_count());
  }
}

// Every second token may go to rank 1 only: where it has a copy there, the copy is taken; where
// not, nothing of the pair leaves and the token is named.
TEST(DispatchPlan, KeepsMaskedTokensWithinTheirRanks) {
  const auto view = make_view();
  auto choice = placement::make_replica_choice("round-robin", view, RankId(0)).value();
  DispatchPlanner planner(kRanks, 64, 256);
  DispatchPlan plan;
  const RankMask only_one(std::vector<std::uint32_t>{1}, kRanks, 0);
  const auto selections = random_selections(64, 7);
  std::vector<std::uint32_t> keys(64);
  std::vector<const RankMask*> masks(64);
  for (std::uint32_t t = 0; t < keys.size(); ++t) {
    keys[t] = t;
    masks[t] = t % 2 == 0 ? &only_one : nullptr;
  }
  planner.plan(view, 0, selections, keys, masks, *choice, plan);
  std::size_t answered = 0;
  for (const auto& part : plan.ranks) {
    answered += part.pair_count;
    for (std::uint32_t r = 0; r < part.row_count; ++r) {
      const auto token = plan.row_token[part.row_begin + r];
      EXPECT_TRUE(token % 2 == 1 || part.rank == RankId(1)) << "token " << token;
    }
  }
  EXPECT_EQ(answered + plan.masked.size(), selections.slot_count());
  EXPECT_FALSE(plan.forbidden.empty());
  for (const auto token : plan.forbidden) {
    EXPECT_EQ(token % 2, 0U);
    bool missing = false;
    for (auto s = selections.slot_begin[token]; s < selections.slot_begin[token + 1]; ++s) {
      const auto held = view.placement.experts_of(0, RankId(1));
      missing |= std::find(held.begin(), held.end(), selections.experts[s]) == held.end();
    }
    EXPECT_TRUE(missing) << "token " << token;
  }
}

// Expert 0 everywhere. The source's own rank may not be asked, or has just come: the one on its
// host is, by every rule that goes by nearness, and none of the far ones.
TEST(DispatchPlan, TurnsAwayToTheNearestCopy) {
  placement::View view;
  view.epoch = Epoch(1);
  std::vector<std::vector<placement::Replica>> replicas(1);
  for (std::uint32_t r = 0; r < 4; ++r) {
    placement::Member member;
    member.rank = RankId(r);
    member.router = r == 0;
    member.expert = true;
    member.host = r < 2 ? "here" : "there";
    member.region = r < 2 ? "eu" : "us";
    view.members.push_back(member);
    replicas[0].push_back({RankId(r), SlotId(0)});
  }
  view.placement = placement::Placement::create(1, 1, std::move(replicas)).value();
  routing::Selections selections;
  std::vector<std::uint32_t> keys;
  for (std::uint32_t t = 0; t < 16; ++t) {
    keys.push_back(t);
    selections.experts.push_back(ExpertId(0));
    selections.weights.push_back(1.0F);
    selections.slot_begin.push_back(t + 1);
    selections.fallbacks.push_back(routing::Fallback::kNone);
  }
  DispatchPlanner planner(4, 64, 64);
  const std::vector<std::uint8_t> avoided = {1, 0, 0, 0};
  const std::vector<std::uint32_t> shares = {0, RankRamp::kWhole, RankRamp::kWhole,
                                             RankRamp::kWhole};
  const RankMask others(std::vector<std::uint32_t>{1, 2, 3}, 4, 0);
  const std::vector<const RankMask*> masks(16, &others);
  for (const char* rule : {"local-first", "nearest"}) {
    auto choice = placement::make_replica_choice(rule, view, RankId(0)).value();
    DispatchPlan plan;
    planner.plan(view, 0, selections, keys, {}, *choice, plan, avoided);
    EXPECT_EQ(plan.steered, 16U) << rule;
    ASSERT_EQ(plan.ranks.size(), 1U) << rule;
    EXPECT_EQ(plan.ranks[0].rank, RankId(1)) << rule;
    planner.plan(view, 0, selections, keys, {}, *choice, plan, {}, shares);
    EXPECT_EQ(plan.ramped, 16U) << rule;
    ASSERT_EQ(plan.ranks.size(), 1U) << rule;
    EXPECT_EQ(plan.ranks[0].rank, RankId(1)) << rule;
    planner.plan(view, 0, selections, keys, masks, *choice, plan);
    ASSERT_EQ(plan.ranks.size(), 1U) << rule;
    EXPECT_EQ(plan.ranks[0].rank, RankId(1)) << rule;
  }
}

std::size_t pairs_to(const DispatchPlan& plan, std::uint32_t rank) {
  for (const auto& part : plan.ranks) {
    if (part.rank == RankId(rank)) return part.pair_count;
  }
  return 0;
}

// Expert 0 has copies on ranks 0 and 2, experts 2 and 5 are on rank 2 alone.
TEST(DispatchPlan, ARankWithAPartOfItsShareGetsWhatNobodyElseHas) {
  const auto view = make_view();
  auto choice = placement::make_replica_choice("round-robin", view, RankId(0)).value();
  DispatchPlanner planner(kRanks, 64, 256);
  DispatchPlan plan;
  const auto selections = random_selections(64, 11);
  std::vector<std::uint32_t> keys(64);
  for (std::uint32_t t = 0; t < keys.size(); ++t) keys[t] = t;
  planner.plan(view, 0, selections, keys, {}, *choice, plan);
  const std::size_t whole = pairs_to(plan, 2);
  EXPECT_EQ(plan.ramped, 0U);
  std::size_t last = 0;
  for (const std::uint32_t part : {0U, 1U, 2U, 3U, 4U}) {
    const std::vector<std::uint32_t> shares = {RankRamp::kWhole, RankRamp::kWhole,
                                               RankRamp::kWhole / 4 * part};
    planner.plan(view, 0, selections, keys, {}, *choice, plan, {}, shares);
    EXPECT_GE(pairs_to(plan, 2), last);
    EXPECT_EQ(pairs_to(plan, 2) + plan.ramped, whole);
    EXPECT_TRUE(plan.masked.empty());
    last = pairs_to(plan, 2);
    if (part > 0) continue;
    const auto alone = std::ranges::count_if(
        selections.experts, [](ExpertId e) { return e == ExpertId(2) || e == ExpertId(5); });
    EXPECT_EQ(last, static_cast<std::size_t>(alone));
  }
  EXPECT_EQ(last, whole);
}

// What a rank does not get goes neither to one that is avoided nor to one that a rule forbids.
TEST(DispatchPlan, ARampTurnsToNoRankThatMayNotBeAsked) {
  const auto view = make_view();
  auto choice = placement::make_replica_choice("round-robin", view, RankId(0)).value();
  DispatchPlanner planner(kRanks, 64, 256);
  DispatchPlan plan;
  const auto selections = random_selections(64, 12);
  const std::vector<std::uint32_t> keys(64, 1);  // all go to the second copy of expert 0, rank 2
  const std::vector<std::uint32_t> shares = {RankRamp::kWhole, RankRamp::kWhole, 0};
  const std::vector<std::uint8_t> avoided = {1, 0, 0};
  planner.plan(view, 0, selections, keys, {}, *choice, plan, avoided, shares);
  EXPECT_EQ(plan.ramped, 0U);
  const RankMask only_two(std::vector<std::uint32_t>{2}, kRanks, 0);
  const std::vector<const RankMask*> masks(64, &only_two);
  planner.plan(view, 0, selections, keys, masks, *choice, plan, {}, shares);
  EXPECT_EQ(plan.ramped, 0U);
  planner.plan(view, 0, selections, keys, {}, *choice, plan, {}, shares);
  EXPECT_GT(plan.ramped, 0U);
}

TEST(DispatchPlan, OfNoTokensGoesNowhere) {
  const auto view = make_view();
  auto choice = placement::make_replica_choice("local-first", view, RankId(0)).value();
  DispatchPlanner planner(kRanks, 4, 16);
  DispatchPlan plan;
  planner.plan(view, 0, routing::Selections{}, {}, {}, *choice, plan);
  EXPECT_TRUE(plan.ranks.empty());
  EXPECT_TRUE(plan.pairs.empty());
}

}  // namespace
}  // namespace switchyard::moe

// Clocks that are put side by side: by being the same, by what exchanges show, by the wall clock.
#include "runtime/engine/clock_alignment.h"

#include <gtest/gtest.h>

namespace switchyard::engine {
namespace {

RankReport rank_with(std::uint32_t rank, const std::string& clock) {
  RankReport report;
  report.rank = RankId(rank);
  report.timeline.emplace();
  report.timeline->clock.clock = clock;
  return report;
}

// An exchange of router `from` with `to`, whose clock is `ahead` of the router's.
struct Trip {
  std::int64_t sent = 0;
  std::int64_t there = 0;
  std::int64_t served = 0;
  std::int64_t back = 0;
};

void exchange(RankReport& from, RankReport& to, std::int64_t ahead, std::uint64_t step,
              const Trip& trip) {
  Span leg;
  leg.kind = SpanKind::kLeg;
  leg.step = step;
  leg.peer() = to.rank.value();
  leg.begin_ns = trip.sent;
  leg.end_ns = trip.sent + trip.there + trip.served + trip.back;
  Span job = leg;
  job.kind = SpanKind::kJob;
  job.peer() = from.rank.value();
  job.begin_ns = trip.sent + trip.there + ahead;
  job.end_ns = job.begin_ns + trip.served;
  from.timeline->spans.push_back(leg);
  to.timeline->spans.push_back(job);
}

TEST(ClockAlignment, RanksOfOneClockCompareAsTheyAre) {
  const std::vector<RankReport> ranks = {rank_with(0, "boot"), rank_with(1, "boot")};
  const auto offsets = align_clocks(ranks);
  EXPECT_EQ(offsets[0].method, ClockMethod::kReference);
  EXPECT_EQ(offsets[1].method, ClockMethod::kSameClock);
  EXPECT_EQ(offsets[1].offset_ns, 0);
}

TEST(ClockAlignment, TheShortestExchangeSaysMost) {
  constexpr std::int64_t kAhead = 7'000'000'000;
  std::vector<RankReport> ranks = {rank_with(0, "a"), rank_with(1, "b"), rank_with(2, "b")};
  exchange(ranks[0], ranks[1], kAhead, 1, {1'000, 90'000, 500, 10'000});
  exchange(ranks[0], ranks[2], kAhead, 2, {2'000'000, 2'000, 500, 3'000});
  exchange(ranks[0], ranks[1], kAhead, 3, {3'000'000, 5'000, 100, 70'000});
  const auto offsets = align_clocks(ranks);
  for (const std::size_t i : {1u, 2u}) {
    EXPECT_EQ(offsets[i].method, ClockMethod::kExchanges);
    EXPECT_EQ(offsets[i].error_ns, 2'500);
    EXPECT_LE(std::abs(offsets[i].offset_ns + kAhead), offsets[i].error_ns);
  }
}

TEST(ClockAlignment, ClocksBehindEachOtherAddUp) {
  std::vector<RankReport> ranks = {rank_with(0, "a"), rank_with(1, "b"), rank_with(2, "c")};
  exchange(ranks[0], ranks[1], 1'000'000, 1, {0, 1'000, 10, 1'000});
  // Rank 2 is a router here: the difference is measured the other way round.
  exchange(ranks[2], ranks[1], -500'000, 2, {0, 2'000, 10, 2'000});
  const auto offsets = align_clocks(ranks);
  EXPECT_EQ(offsets[1].offset_ns, -1'000'000);
  EXPECT_EQ(offsets[1].error_ns, 1'000);
  EXPECT_EQ(offsets[2].offset_ns, -1'500'000);
  EXPECT_EQ(offsets[2].error_ns, 3'000);
}

TEST(ClockAlignment, WithdrawnSharesAndForeignJobsSayNothing) {
  std::vector<RankReport> ranks = {rank_with(0, "a"), rank_with(1, "b")};
  exchange(ranks[0], ranks[1], 1'000, 1, {0, 10, 10, 10});
  ranks[0].timeline->spans[0].extra() = static_cast<std::uint32_t>(ExchangeEnd::kWithdrawn);
  exchange(ranks[0], ranks[1], 1'000, 2, {0, 10, 10, 10});
  ranks[1].timeline->spans[1].epoch = 9;  // another exchange's
  ranks[0].timeline->clock.wall_ns = 100;
  ranks[1].timeline->clock.wall_ns = 400;
  ranks[1].timeline->clock.steady_ns = 50;
  const auto offsets = align_clocks(ranks);
  EXPECT_EQ(offsets[1].method, ClockMethod::kWallClock);
  EXPECT_EQ(offsets[1].offset_ns, 250);
}

TEST(ClockAlignment, UnknownClocksAreNotTheSame) {
  const std::vector<RankReport> ranks = {rank_with(0, ""), rank_with(1, "")};
  EXPECT_EQ(align_clocks(ranks)[1].method, ClockMethod::kWallClock);
}

TEST(ClockAlignment, RanksWithoutATimelineAreLeftOut) {
  std::vector<RankReport> ranks = {rank_with(0, "a"), rank_with(1, "a"), rank_with(2, "a")};
  ranks[0].timeline.reset();
  const auto offsets = align_clocks(ranks);
  EXPECT_EQ(offsets[1].method, ClockMethod::kReference);
  EXPECT_EQ(offsets[2].method, ClockMethod::kSameClock);
}

TEST(ClockAlignment, AnotherProcessIsPutBesideTheRanks) {
  std::vector<RankReport> ranks = {rank_with(0, "a"), rank_with(1, "b")};
  exchange(ranks[0], ranks[1], 1'000'000, 1, {0, 1'000, 10, 1'000});
  const auto offsets = align_clocks(ranks);
  EXPECT_EQ(align_clock({"b", 0, 0}, ranks, offsets).offset_ns, -1'000'000);
  EXPECT_EQ(align_clock({"a", 0, 0}, ranks, offsets).method, ClockMethod::kSameClock);
  const auto foreign = align_clock({"c", 10, 40}, ranks, offsets);
  EXPECT_EQ(foreign.method, ClockMethod::kWallClock);
  EXPECT_EQ(foreign.offset_ns, 30);
}

TEST(RankTimeline, TravelsWholeAndIsCheckedOnArrival) {
  RankTimeline sent;
  sent.clock = clock_facts();
  sent.dropped = 5;
  Span span;
  span.kind = SpanKind::kServe;
  span.step = 77;
  span.end_ns = 12;
  sent.spans = {span, span};
  const auto body = encode_timeline(sent);
  const auto taken = decode_timeline(nlohmann::json::from_cbor(nlohmann::json::to_cbor(body)));
  ASSERT_TRUE(taken.has_value()) << taken.error().message;
  EXPECT_EQ(taken->clock.clock, sent.clock.clock);
  EXPECT_EQ(taken->dropped, 5u);
  ASSERT_EQ(taken->spans.size(), 2u);
  EXPECT_EQ(taken->spans[1].step, 77u);

  auto short_one = body;
  short_one["spans"].get_binary().pop_back();
  EXPECT_FALSE(decode_timeline(short_one).has_value());
  sent.spans[0].kind = static_cast<SpanKind>(kSpanKinds);
  EXPECT_FALSE(decode_timeline(encode_timeline(sent)).has_value());
  sent.spans[0].kind = SpanKind::kServe;
  sent.spans[1].begin_ns = 13;
  EXPECT_FALSE(decode_timeline(encode_timeline(sent)).has_value());
}

}  // namespace
}  // namespace switchyard::engine

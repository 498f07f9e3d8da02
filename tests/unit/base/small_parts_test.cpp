// Buffers, clocks, ids, random numbers and the logger: a few tests each.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <unordered_set>

#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/ids.h"
#include "runtime/base/log.h"
#include "runtime/base/random.h"

namespace switchyard {
namespace {

using std::chrono::milliseconds;

TEST(HostBuffer, IsZeroedAlignedAndMovesItsMemory) {
  HostBuffer buffer((std::size_t{3} << 20) + 1);  // large enough for huge pages, odd in size
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0U);
  for (const std::byte value : buffer.span()) ASSERT_EQ(value, std::byte{0});
  std::byte* memory = buffer.data();
  HostBuffer other = std::move(buffer);
  EXPECT_EQ(other.data(), memory);
  EXPECT_EQ(other.bytes(), (std::size_t{3} << 20) + 1);
  buffer = HostBuffer(8);  // NOLINT(bugprone-use-after-move): assignment gives it a new life
  EXPECT_EQ(buffer.bytes(), 8U);
}

TEST(Array, CountsElementsAndMayBeEmpty) {
  Array<double> values(5);
  values[4] = 2.5;
  EXPECT_EQ(values.span().size(), 5U);
  EXPECT_EQ(values.span()[4], 2.5);
  EXPECT_TRUE(Array<int>(0).span().empty());
}

TEST(Deadline, PassesWhenTheClockReachesIt) {
  ManualClock clock;
  const auto deadline = Deadline::after(clock, milliseconds(10));
  clock.advance(milliseconds(4));
  EXPECT_FALSE(deadline.passed(clock));
  EXPECT_EQ(deadline.left(clock), milliseconds(6));
  clock.advance(milliseconds(6));
  EXPECT_TRUE(deadline.passed(clock));
  clock.advance(milliseconds(1));
  EXPECT_EQ(deadline.left(clock), Duration::zero());
  EXPECT_DOUBLE_EQ(to_seconds(milliseconds(1500)), 1.5);
}

TEST(StrongId, ComparesCountsAndHashes) {
  static_assert(!std::is_convertible_v<std::uint32_t, RankId>);
  static_assert(!std::is_convertible_v<RankId, ExpertId>);
  EXPECT_LT(RankId(1), RankId(2));
  EXPECT_EQ(RankId(1).next(), RankId(2));
  const std::unordered_set<ExpertId> set{ExpertId(3), ExpertId(3), ExpertId(4)};
  EXPECT_EQ(set.size(), 2U);
}

// First outputs of splitmix64 for seed 0, as its authors publish them.
TEST(Random, Mix64IsSplitmix64) {
  EXPECT_EQ(mix64(0), 0xE220A8397B1DCDAFULL);
  EXPECT_EQ(mix64(0x9E3779B97F4A7C15ULL), 0x6E789E6AA1B965F4ULL);
}

TEST(Random, CountersAreNotInterchangeable) {
  std::set<std::uint64_t> values;
  for (std::uint64_t a = 0; a < 10; ++a) {
    for (std::uint64_t b = 0; b < 10; ++b) values.insert(hash_counters(1, a, b));
  }
  EXPECT_EQ(values.size(), 100U);
  EXPECT_NE(hash_counters(1, 2, 3, 4), hash_counters(2, 2, 3, 4));
}

TEST(Random, UnitsAreUniformInTheHalfOpenInterval) {
  EXPECT_EQ(to_unit(0), 0.0);
  EXPECT_LT(to_unit(~std::uint64_t{0}), 1.0);
  Random random(7);
  constexpr int kDraws = 100000;
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) sum += random.next_unit();
  // Mean 1/2, standard deviation of the mean sqrt(1/12 / draws); five of them.
  EXPECT_NEAR(sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
}

TEST(Log, RefusesUnknownLevelsAndListsTheKnown) {
  EXPECT_TRUE(make_log(RankId(0), "off").has_value());
  EXPECT_TRUE(make_log(RankId(0), "warning").has_value());
  const auto log = make_log(RankId(0), "loud");
  ASSERT_FALSE(log.has_value());
  EXPECT_EQ(log.error().code, ErrorCode::kUsage);
  EXPECT_NE(log.error().message.find("trace, debug"), std::string::npos);
}

}  // namespace
}  // namespace switchyard

#include "runtime/control/evidence.h"

#include <gmock/gmock.h>

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Epoch kEpoch{4};

struct Book {
  explicit Book(std::size_t members = 8, EvidenceConfig config = {})
      : book(EvidenceBook::create(config).value()) {
    book.begin_epoch(kEpoch, members);
  }
  void say(std::uint32_t reporter, std::uint32_t silent) {
    EXPECT_TRUE(book.report({RankId(reporter), RankId(silent), kEpoch}, now).has_value());
  }
  [[nodiscard]] Finding judge(std::uint32_t rank, Connection connection = Connection::kOpen) const {
    return book.judge(RankId(rank), connection, able, now);
  }
  [[nodiscard]] EvidenceLevel level(std::uint32_t rank) const { return judge(rank).level; }

  EvidenceBook book;
  std::size_t able = 8;  // ranks that could report somebody
  TimePoint now{seconds(100)};
};

TEST(EvidenceBook, NobodyComplains) {
  const Book b;
  EXPECT_EQ(b.level(1), EvidenceLevel::kNone);
  EXPECT_THAT(b.judge(1).text, IsEmpty());
  EXPECT_THAT(b.book.accused(b.now), IsEmpty());
}

TEST(EvidenceBook, OneReporterIsNotEnoughTwoAre) {
  Book b;
  b.say(0, 5);
  b.say(0, 5);
  EXPECT_EQ(b.level(5), EvidenceLevel::kSome);
  EXPECT_THAT(b.judge(5).text, HasSubstr("epoch 4: reported silent by rank 0; it takes 2"));
  b.say(2, 5);
  EXPECT_EQ(b.level(5), EvidenceLevel::kSuspect);
  EXPECT_THAT(b.judge(5).reporters, ElementsAre(RankId(0), RankId(2)));
  EXPECT_THAT(b.book.accused(b.now), ElementsAre(RankId(5)));
}

// A cluster with one router has one that can complain; it is to be heard all the same.
TEST(EvidenceBook, WhereOneRankWaitsForAnswersItsReportSuffices) {
  Book b;
  b.say(0, 5);
  b.able = 2;
  EXPECT_EQ(b.level(5), EvidenceLevel::kSome);
  for (const std::size_t able : {1U, 0U}) {
    b.able = able;
    EXPECT_EQ(b.level(5), EvidenceLevel::kSuspect);
  }
  for (const std::uint32_t other : {1U, 2U, 3U}) b.say(0, other);
  EXPECT_EQ(b.level(5), EvidenceLevel::kSome);  // it calls most of the others silent
}

TEST(EvidenceBook, SaysForWhomARankWaits) {
  Book b;
  EXPECT_EQ(b.book.waits_for(RankId(0), b.now), std::nullopt);
  b.say(0, 3);
  b.say(3, 6);
  EXPECT_EQ(b.book.waits_for(RankId(0), b.now), RankId(6));
  EXPECT_EQ(b.book.waits_for(RankId(6), b.now), std::nullopt);
  b.now += seconds(3);
  EXPECT_EQ(b.book.waits_for(RankId(0), b.now), std::nullopt);
}

TEST(EvidenceBook, OneReporterAndABrokenConnectionSuffice) {
  Book b;
  EXPECT_EQ(b.judge(5, Connection::kBroken).level, EvidenceLevel::kNone);
  b.say(3, 5);
  EXPECT_EQ(b.judge(5, Connection::kBroken).level, EvidenceLevel::kSuspect);
  EXPECT_THAT(b.judge(5, Connection::kBroken).text, HasSubstr("connection is broken"));
}

TEST(EvidenceBook, ReportsFromTwoWindowsDoNotAddUp) {
  Book b;
  b.say(0, 5);
  b.now += milliseconds(2001);
  b.say(1, 5);
  EXPECT_EQ(b.level(5), EvidenceLevel::kSome);
  b.say(0, 5);
  EXPECT_EQ(b.level(5), EvidenceLevel::kSuspect);
  b.now += seconds(3);
  EXPECT_EQ(b.level(5), EvidenceLevel::kNone);
}

TEST(EvidenceBook, AnotherEpochDoesNotCount) {
  Book b;
  b.say(0, 5);
  b.say(1, 5);
  b.book.begin_epoch(kEpoch.next(), 8);
  EXPECT_EQ(b.level(5), EvidenceLevel::kNone);
  const auto late = b.book.report({RankId(0), RankId(5), kEpoch}, b.now);
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, ErrorCode::kStaleEpoch);
}

TEST(EvidenceBook, WhoLeftOrDiedIsForgotten) {
  Book b;
  b.say(0, 5);
  b.say(1, 5);
  b.book.forget(RankId(0));  // the reporter has died
  EXPECT_EQ(b.level(5), EvidenceLevel::kSome);
  b.book.forget(RankId(5));
  EXPECT_EQ(b.book.report_count(), 0U);
}

TEST(EvidenceBook, TheEndOfAChainOfWaitsIsTheCulprit) {
  Book b;
  b.say(0, 3);
  b.say(1, 3);
  b.say(3, 6);  // 3 makes others wait because 6 does not answer it
  b.say(2, 6);
  EXPECT_EQ(b.level(3), EvidenceLevel::kSome);
  EXPECT_THAT(b.judge(3).text, HasSubstr("it waits for rank 6 itself"));
  EXPECT_EQ(b.level(6), EvidenceLevel::kSuspect);
}

TEST(EvidenceBook, ARingOfWaitsExcusesNobody) {
  Book b;
  b.say(0, 3);
  b.say(1, 3);
  b.say(3, 0);
  EXPECT_EQ(b.level(3), EvidenceLevel::kSuspect);
}

TEST(EvidenceBook, WhoCallsMostRanksSilentIsNotBelieved) {
  Book b(6);
  for (const std::uint32_t silent : {1U, 2U, 3U}) b.say(0, silent);
  b.say(4, 1);
  EXPECT_EQ(b.level(1), EvidenceLevel::kSome);  // one honest reporter
  EXPECT_THAT(b.judge(2).text, HasSubstr("rank 0, which calls most ranks silent"));
  for (const std::uint32_t reporter : {1U, 2U, 3U}) b.say(reporter, 0);
  EXPECT_EQ(b.level(0), EvidenceLevel::kSuspect);  // its own waits do not excuse it
}

TEST(EvidenceBook, RefusesNonsenseAndBoundsItself) {
  Book b(8, {.reports_max = 2});
  const auto self = b.book.report({RankId(1), RankId(1), kEpoch}, b.now);
  ASSERT_FALSE(self.has_value());
  EXPECT_EQ(self.error().code, ErrorCode::kBadInput);
  b.say(0, 1);
  b.say(0, 2);
  b.say(0, 2);
  const auto full = b.book.report({RankId(0), RankId(3), kEpoch}, b.now);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, ErrorCode::kLimit);
  b.now += seconds(3);  // the old ones make room
  b.say(0, 3);
  EXPECT_EQ(b.book.report_count(), 1U);
}

TEST(EvidenceConfig, NamesTheFieldThatIsWrong) {
  const auto message = [](const EvidenceConfig& config) {
    const auto made = EvidenceBook::create(config);
    return made ? std::string() : made.error().message;
  };
  EXPECT_THAT(message({.window = Duration::zero()}), HasSubstr("window"));
  EXPECT_THAT(message({.reporters_min = 0}), HasSubstr("reporters_min"));
  EXPECT_THAT(message({.isolated_accusations_min = 1}), HasSubstr("isolated_accusations_min"));
  EXPECT_THAT(message({.reports_max = 0}), HasSubstr("reports_max"));
}

}  // namespace
}  // namespace switchyard::control

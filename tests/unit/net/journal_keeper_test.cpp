// When a journal is written anew, what happens while the disk refuses, and that people are told.
#include "runtime/net/journal_keeper.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "runtime/net/controller_loop.h"
#include "tests/unit/net/fake_brain.h"
#include "tests/unit/net/faulty_disk.h"

namespace switchyard::net {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

const std::vector<std::byte> kRecord(100, std::byte{1});
const Records kSnapshot{std::vector<std::byte>(10, std::byte{9})};

class JournalKeeperTest : public ::testing::Test {
 protected:
  JournalKeeperTest()
      : path_(::testing::TempDir() + "keeper_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove(path_);
  }
  ~JournalKeeperTest() override { fs::remove(path_); }
  [[nodiscard]] JournalKeeper keeper(std::uint64_t compact_bytes_min) {
    return JournalKeeper(JournalFile::open(path_, disk_).value().file,
                         {.compact_bytes_min = compact_bytes_min});
  }
  [[nodiscard]] Records on_disk() const { return JournalFile::open(path_).value().records; }

  FaultyDisk disk_;
  std::string path_;
  TimePoint now_{seconds(100)};
  const std::function<Records()> snapshot_ = [] { return kSnapshot; };
};

TEST_F(JournalKeeperTest, TheFileStaysWithinTwiceItsSnapshotAndTheMinimum) {
  {
    auto kept = keeper(5000);
    std::uint64_t largest = 0;
    for (int i = 0; i < 2'000; ++i) {
      kept.append(kRecord);
      kept.settle(now_, snapshot_);
      largest = std::max(largest, kept.size_bytes());
    }
    EXPECT_LT(largest, 5000u + 200);
    EXPECT_GT(kept.compactions(), 40u);
    EXPECT_LT(kept.compactions(), 60u);
    EXPECT_EQ(kept.size_bytes(), fs::file_size(path_));
  }
  const Records records = on_disk();
  EXPECT_EQ(records.front(), kSnapshot.front());
  EXPECT_EQ(records.back(), kRecord);
}

TEST_F(JournalKeeperTest, ALargeStateIsNotWrittenAgainForEveryRecord) {
  const Records large{std::vector<std::byte>(100'000, std::byte{3})};
  auto kept = keeper(1000);
  for (int i = 0; i < 5'000; ++i) {
    kept.append(kRecord);
    kept.settle(now_, [&large] { return large; });
  }
  EXPECT_LT(kept.compactions(), 8u);
}

// A hole in the history is worse than its end: after a refusal nothing is appended until a snapshot
// holds it all.
TEST_F(JournalKeeperTest, AfterARefusalASnapshotMendsTheFile) {
  {
    auto kept = keeper(1 << 20);
    kept.append(kRecord);
    disk_.refuse(0, FaultyDisk::kNever);
    kept.append(kRecord);
    kept.settle(now_, snapshot_);
    EXPECT_FALSE(kept.whole());
    EXPECT_NE(kept.trouble().find("records are not kept"), std::string::npos);
    disk_.heal();
    kept.append(kRecord);
    kept.settle(now_, snapshot_);  // too soon to try again
    EXPECT_FALSE(kept.whole());
    EXPECT_EQ(fs::file_size(path_), 8u + 12 + kRecord.size());
    now_ += seconds(2);
    kept.settle(now_, snapshot_);
    EXPECT_TRUE(kept.whole());
    EXPECT_EQ(kept.trouble(), "");
    kept.append(kRecord);
  }
  EXPECT_EQ(on_disk(), (Records{kSnapshot.front(), kRecord}));
}

TEST_F(JournalKeeperTest, WhatCannotBeCompactedGoesOnGrowing) {
  {
    auto kept = keeper(500);
    for (int i = 0; i < 5; ++i) {
      disk_.heal();
      kept.append(kRecord);
      disk_.refuse(0, FaultyDisk::kNever);
      kept.settle(now_, snapshot_);
    }
    EXPECT_TRUE(kept.whole());
    EXPECT_NE(kept.trouble().find("cannot be compacted"), std::string::npos);
  }
  EXPECT_EQ(on_disk().size(), 5u);
}

// The controller hears of it once, and again when it is over; it goes on all the while.
TEST_F(JournalKeeperTest, TheControllerIsToldAndGoesOn) {
  FakeBrain fake;
  Brain brain = fake.brain();
  brain.snapshot = snapshot_;
  EventLog log(make_null_log());
  ServerMetrics metrics;
  JournalKeeper kept(JournalFile::open(path_, disk_).value().file,
                     {.retry_min = std::chrono::milliseconds(1)});
  ControllerLoop loop(brain, std::move(kept), log, metrics, nullptr);
  const auto news = [&fake] {
    std::vector<std::string> out;
    for (const auto& what : fake.happenings<control::JournalNews>()) out.push_back(what.trouble);
    return out;
  };
  const auto step = [&] {
    fake.next_actions({control::Journal{kRecord}});
    loop.tick();
  };
  step();
  EXPECT_TRUE(news().empty());
  disk_.refuse(0, FaultyDisk::kNever);
  for (int i = 0; i < 5; ++i) step();
  ASSERT_EQ(news().size(), 1u);
  EXPECT_NE(news()[0].find("No space left on device"), std::string::npos);
  EXPECT_NE(metrics.text().find("switchyard_journal_whole 0"), std::string::npos);
  disk_.heal();
  const SteadyClock clock;
  const auto deadline = Deadline::after(clock, seconds(10));
  while (news().size() < 2 && !deadline.passed(clock)) step();
  ASSERT_EQ(news().size(), 2u);
  EXPECT_EQ(news()[1], "");
  EXPECT_NE(metrics.text().find("switchyard_journal_whole 1"), std::string::npos);
}

}  // namespace
}  // namespace switchyard::net

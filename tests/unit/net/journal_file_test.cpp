#include "runtime/net/journal_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/net/faulty_disk.h"

namespace switchyard::net {
namespace {

namespace fs = std::filesystem;
using Record = std::vector<std::byte>;

class JournalFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ =
        fs::path(::testing::TempDir()) /
        (std::string("journal_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove(path_);
  }
  void TearDown() override { fs::remove(path_); }
  [[nodiscard]] std::string path() const { return path_.string(); }
  // Each of 50 bytes and its prefix of 12.
  void write_two_records() const;
  void flip_byte(std::uint64_t at) const {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const int old = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(old ^ 0x10));
  }
  void append_text(std::string_view text) const {
    std::ofstream(path_, std::ios::app | std::ios::binary) << text;
  }

  fs::path path_;
};

Record record(std::size_t size, int value) { return Record(size, static_cast<std::byte>(value)); }

void JournalFileTest::write_two_records() const {
  auto opened = JournalFile::open(path()).value();
  ASSERT_TRUE(opened.file.append(record(50, 1)).has_value());
  ASSERT_TRUE(opened.file.append(record(50, 2)).has_value());
}

TEST_F(JournalFileTest, RemembersRecordsInOrder) {
  {
    auto opened = JournalFile::open(path()).value();
    EXPECT_TRUE(opened.records.empty());
    ASSERT_TRUE(opened.file.append(record(3, 1)).has_value());
    ASSERT_TRUE(opened.file.append({}).has_value());
    ASSERT_TRUE(opened.file.append(record(100'000, 2)).has_value());
  }
  auto again = JournalFile::open(path()).value();
  EXPECT_EQ(again.torn_bytes, 0u);
  ASSERT_EQ(again.records.size(), 3u);
  EXPECT_EQ(again.records[0], record(3, 1));
  EXPECT_EQ(again.records[1], Record());
  EXPECT_EQ(again.records[2], record(100'000, 2));
  EXPECT_EQ(again.file.size_bytes(), fs::file_size(path_));
  EXPECT_EQ(fs::status(path_).permissions() & fs::perms::mask,
            fs::perms::owner_read | fs::perms::owner_write);
}

// A crash may leave any piece of the last record, and of the file's own first bytes.
TEST_F(JournalFileTest, ATailTornAnywhereIsCutOffAndTheRestGoesOn) {
  {
    auto opened = JournalFile::open(path()).value();
    ASSERT_TRUE(opened.file.append(record(5, 7)).has_value());
    ASSERT_TRUE(opened.file.append(record(9, 8)).has_value());
  }
  const auto whole = fs::file_size(path_);
  for (auto size = whole; size-- > 0;) {
    fs::resize_file(path_, size);
    auto opened = JournalFile::open(path()).value();
    const std::size_t kept = size >= whole - 21 ? 1u : 0u;
    ASSERT_EQ(opened.records.size(), kept) << size;
    ASSERT_TRUE(opened.file.append(record(9, 8)).has_value());
    ASSERT_EQ(fs::file_size(path_), opened.file.size_bytes());
    fs::resize_file(path_, size);
  }
}

// The host's crash may leave room for bytes that never came.
TEST_F(JournalFileTest, ATailOfNothingOrWithAHoleIsCutOff) {
  write_two_records();
  flip_byte(static_cast<std::uint64_t>(fs::file_size(path_)) - 1);
  {
    const auto opened = JournalFile::open(path()).value();
    EXPECT_EQ(opened.records.size(), 1u);
    EXPECT_EQ(opened.torn_bytes, 62u);
  }
  fs::resize_file(path_, fs::file_size(path_) + 5000);
  const auto again = JournalFile::open(path()).value();
  EXPECT_EQ(again.records.size(), 1u);
  EXPECT_EQ(again.torn_bytes, 5000u);
}

// What is behind the damage was written for good; to drop it would be to forget in silence.
TEST_F(JournalFileTest, DamageBeforeTheEndIsAnErrorWithItsOffset) {
  write_two_records();
  const auto whole = fs::file_size(path_);
  ASSERT_EQ(whole, 8u + 2 * 62);
  for (std::uint64_t byte = 8; byte < 8 + 62; ++byte) {
    flip_byte(byte);
    const auto refused = JournalFile::open(path());
    ASSERT_FALSE(refused.has_value()) << byte;
    EXPECT_EQ(refused.error().code, ErrorCode::kBadInput);
    EXPECT_THAT(refused.error().message, ::testing::HasSubstr("damaged at byte 8 of 132"));
    EXPECT_EQ(fs::file_size(path_), whole);
    flip_byte(byte);
  }
  EXPECT_EQ(JournalFile::open(path()).value().records.size(), 2u);
}

TEST_F(JournalFileTest, IsReplacedAsAWhole) {
  const Records shorter{record(10, 1), record(2'000'000, 2), {}};
  {
    auto opened = JournalFile::open(path()).value();
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(opened.file.append(record(1000, i)).has_value());
    ASSERT_TRUE(opened.file.replace(shorter).has_value());
    ASSERT_TRUE(opened.file.append(record(7, 9)).has_value());
    EXPECT_EQ(opened.file.size_bytes(), fs::file_size(path_));
    EXPECT_EQ(JournalFile::open(path()).error().code, ErrorCode::kLimit);  // the lock went along
  }
  const auto again = JournalFile::open(path()).value();
  Records expected = shorter;
  expected.push_back(record(7, 9));
  EXPECT_EQ(again.records, expected);
  EXPECT_EQ(fs::status(path_).permissions() & fs::perms::mask,
            fs::perms::owner_read | fs::perms::owner_write);
}

// Wherever the process dies in a replacement: the old records are there or the new ones, whole, and
// the next controller goes on from them.
TEST_F(JournalFileTest, ADeathAtAnyStepOfAReplacementLosesNothing) {
  const Records before{record(100, 1), record(3'000'000, 2)};
  const Records after{record(2'500'000, 3), record(5, 4)};
  std::size_t with_old = 0;
  std::size_t with_new = 0;
  for (std::size_t call = 0;; ++call) {
    fs::remove(path_);
    FaultyDisk disk;
    {
      auto opened = JournalFile::open(path(), disk).value();
      for (const Record& each : before) ASSERT_TRUE(opened.file.append(each).has_value());
      disk.die_at(call);
      (void)opened.file.replace(after).has_value();
      if (!disk.died()) break;
    }
    auto again = JournalFile::open(path()).value();
    EXPECT_EQ(again.torn_bytes, 0u);
    ASSERT_TRUE(again.records == before || again.records == after) << call;
    (again.records == before ? with_old : with_new) += 1;
    EXPECT_FALSE(fs::exists(path() + ".new"));
    ASSERT_TRUE(again.file.append(record(1, 1)).has_value());
    ASSERT_TRUE(again.file.replace(after).has_value());
  }
  EXPECT_GE(with_old, 5u);  // opened, two writes and more, synced, renamed
  EXPECT_GE(with_new, 2u);  // the folder opened and synced
}

// The same where a call is refused and the process goes on: the error is told, the old file stays
// and takes more records.
TEST_F(JournalFileTest, ACallThatIsRefusedInAReplacementLosesNothing) {
  const Records after{record(2'500'000, 3), record(5, 4)};
  std::size_t failures = 0;
  for (std::size_t call = 0;; ++call) {
    fs::remove(path_);
    FaultyDisk disk;
    bool replaced = false;
    {
      auto opened = JournalFile::open(path(), disk).value();
      ASSERT_TRUE(opened.file.append(record(100, 1)).has_value());
      disk.refuse(call);
      replaced = opened.file.replace(after).has_value();
      failures += replaced ? 0 : 1;
      if (disk.calls() <= call) break;
      disk.heal();
      ASSERT_TRUE(opened.file.append(record(9, 9)).has_value());
    }
    Records expected = replaced ? after : Records{record(100, 1)};
    expected.push_back(record(9, 9));
    EXPECT_EQ(JournalFile::open(path()).value().records, expected) << call;
  }
  EXPECT_GE(failures, 5u);
}

TEST_F(JournalFileTest, ARecordThatTheDiskRefusesLeavesTheOthersWhole) {
  FaultyDisk disk;
  {
    auto opened = JournalFile::open(path(), disk).value();
    ASSERT_TRUE(opened.file.append(record(100, 1)).has_value());
    disk.refuse(0);
    const auto refused = opened.file.append(record(100, 2));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::kIo);
    EXPECT_EQ(refused.error().scope, ErrorScope::kOperation);
    ASSERT_TRUE(opened.file.append(record(100, 3)).has_value());
    disk.refuse(0, 2);  // nor can it be cut back
    EXPECT_EQ(opened.file.append(record(100, 4)).error().scope, ErrorScope::kProcess);
  }
  EXPECT_EQ(JournalFile::open(path()).value().records, (Records{record(100, 1), record(100, 3)}));
}

TEST_F(JournalFileTest, ForeignFilesAndSecondControllersAreRefused) {
  append_text("dear diary, today");
  const auto foreign = JournalFile::open(path());
  ASSERT_FALSE(foreign.has_value());
  EXPECT_EQ(foreign.error().code, ErrorCode::kBadInput);
  fs::remove(path_);
  const auto first = JournalFile::open(path());
  ASSERT_TRUE(first.has_value());
  const auto second = JournalFile::open(path());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kLimit);
}

TEST_F(JournalFileTest, ADeviceIsNoJournal) {
  const auto refused = JournalFile::open("/dev/full");
  EXPECT_FALSE(refused.has_value());
}

}  // namespace
}  // namespace switchyard::net

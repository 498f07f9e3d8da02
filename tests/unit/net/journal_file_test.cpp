#include "runtime/net/journal_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

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
  void append_text(std::string_view text) const {
    std::ofstream(path_, std::ios::app | std::ios::binary) << text;
  }

  fs::path path_;
};

Record record(std::size_t size, int value) { return Record(size, static_cast<std::byte>(value)); }

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
    const std::size_t kept = size >= whole - 17 ? 1u : 0u;
    ASSERT_EQ(opened.records.size(), kept) << size;
    ASSERT_TRUE(opened.file.append(record(9, 8)).has_value());
    ASSERT_EQ(fs::file_size(path_), opened.file.size_bytes());
    fs::resize_file(path_, size);
  }
}

TEST_F(JournalFileTest, ADamagedRecordEndsTheJournal) {
  {
    auto opened = JournalFile::open(path()).value();
    ASSERT_TRUE(opened.file.append(record(50, 1)).has_value());
    ASSERT_TRUE(opened.file.append(record(50, 2)).has_value());
  }
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put(9);
  }
  const auto opened = JournalFile::open(path()).value();
  EXPECT_EQ(opened.records.size(), 1u);
  EXPECT_EQ(opened.torn_bytes, 58u);
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

#include "runtime/model/checkpoint/mapped_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/unit/model/checkpoint_fixture.h"

namespace switchyard::model {
namespace {

using test::TempDirectory;
using test::write_file;
using ::testing::HasSubstr;

TEST(MappedFile, ShowsTheBytesAndKeepsThemAfterRelease) {
  const TempDirectory directory;
  const std::string content(10'000, 'x');
  write_file(directory.file("f"), content);
  auto file = MappedFile::open(directory.file("f"));
  ASSERT_TRUE(file) << file.error().message;
  const MappedFile moved = std::move(*file);
  ASSERT_EQ(moved.bytes().size(), content.size());
  moved.prefetch(5'000, 5'000);
  EXPECT_EQ(moved.bytes()[9'999], std::byte{'x'});
  moved.release();
  EXPECT_EQ(moved.bytes()[9'999], std::byte{'x'});
  EXPECT_TRUE(moved.check_size());
}

TEST(MappedFile, NoticesThatTheFileShrank) {
  const TempDirectory directory;
  write_file(directory.file("f"), std::string(10'000, 'x'));
  const auto file = MappedFile::open(directory.file("f"));
  ASSERT_TRUE(file);
  std::filesystem::resize_file(directory.file("f"), 100);
  const auto outcome = file->check_size();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kIo);
  EXPECT_THAT(outcome.error().message, HasSubstr("10000"));
}

TEST(MappedFile, RefusesWhatIsNoFileWithContent) {
  const TempDirectory directory;
  write_file(directory.file("empty"), "");
  ASSERT_EQ(::mkfifo(directory.file("fifo").c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(directory.file("missing")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(MappedFile::open(directory.file("empty")).error().code, ErrorCode::kBadInput);
  EXPECT_EQ(MappedFile::open(directory.path()).error().code, ErrorCode::kIo);
  EXPECT_EQ(MappedFile::open(directory.file("fifo")).error().code, ErrorCode::kIo);
  EXPECT_THAT(MappedFile::open(directory.file("missing")).error().message,
              HasSubstr(directory.file("missing")));
}

TEST(ReadSmallFile, ReadsUpToItsLimit) {
  const TempDirectory directory;
  write_file(directory.file("f"), "hello");
  EXPECT_EQ(read_small_file(directory.file("f"), 5).value(), "hello");
  EXPECT_EQ(read_small_file(directory.file("f"), 4).error().code, ErrorCode::kLimit);
  EXPECT_EQ(read_small_file(directory.file("g"), 4).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace switchyard::model

#include "runtime/base/output_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

namespace switchyard {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class OutputFiles : public ::testing::Test {
 protected:
  OutputFiles() {
    std::string name = (fs::temp_directory_path() / "output-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  ~OutputFiles() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  std::string in(const std::string& name) const { return (root_ / name).string(); }
  std::size_t count() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(root_), fs::directory_iterator{}));
  }
  static std::string text_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  static void put(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  static Result<void> write(const std::string& path, std::string_view text) {
    SY_TRY(OutputFile::check(path));
    SY_ASSIGN(auto file, OutputFile::create(path));
    file.write(text);
    return file.finish();
  }
  fs::path root_;
};

TEST_F(OutputFiles, ARegularFileIsReplacedWholeAndKeepsItsMode) {
  put(in("out"), "old");
  fs::permissions(in("out"), fs::perms::owner_read | fs::perms::owner_write);
  {
    auto file = OutputFile::create(in("out"));
    ASSERT_TRUE(file.has_value()) << file.error().message;
    file->write("new");
    EXPECT_EQ(text_of(in("out")), "old");
    ASSERT_TRUE(file->finish().has_value());
  }
  EXPECT_EQ(text_of(in("out")), "new");
  EXPECT_EQ(fs::status(in("out")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(count(), 1U);
}

TEST_F(OutputFiles, WhatIsNotFinishedLeavesTheOldFileAndNothingElse) {
  put(in("out"), "old");
  {
    auto file = OutputFile::create(in("out"));
    ASSERT_TRUE(file.has_value());
    file->write("half");
  }
  EXPECT_EQ(text_of(in("out")), "old");
  EXPECT_EQ(count(), 1U);
}

TEST_F(OutputFiles, FilesOfTheUserBesideItAreLeftAlone) {
  put(in("out.part"), "mine");
  ASSERT_TRUE(write(in("out"), "new").has_value());
  EXPECT_EQ(text_of(in("out.part")), "mine");
  EXPECT_EQ(count(), 2U);
}

TEST_F(OutputFiles, LinksAreFollowedAndStay) {
  fs::create_directory(in("folder"));
  put(in("folder/there"), "old");
  fs::create_symlink("folder/there", in("link"));
  fs::create_symlink("link", in("chain"));
  fs::create_symlink("folder/none", in("dangling"));
  for (const char* name : {"chain", "dangling"}) {
    ASSERT_TRUE(write(in(name), name).has_value());
    EXPECT_TRUE(fs::is_symlink(in(name))) << name;
  }
  EXPECT_TRUE(fs::is_symlink(in("link")));
  EXPECT_EQ(text_of(in("folder/there")), "chain");
  EXPECT_EQ(text_of(in("folder/none")), "dangling");
  fs::create_symlink("circle", in("circle"));
  EXPECT_EQ(write(in("circle"), "x").error().code, ErrorCode::kIo);
}

// As /dev/stdout is, where it leads to a file that the shell has opened.
TEST_F(OutputFiles, AFileBehindADescriptorIsAppendedTo) {
  put(in("log"), "before ");
  const int descriptor = ::open(in("log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  struct stat before {};
  struct stat after {};
  ASSERT_EQ(::fstat(descriptor, &before), 0);
  fs::create_symlink("/proc/self/fd/" + std::to_string(descriptor), in("stdout"));
  ASSERT_TRUE(write(in("stdout"), "result").has_value());
  ASSERT_EQ(::stat(in("log").c_str(), &after), 0);
  (void)::close(descriptor);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_EQ(text_of(in("log")), "before result");
}

TEST_F(OutputFiles, APipeIsWrittenInto) {
  ASSERT_EQ(::mkfifo(in("pipe").c_str(), 0600), 0);
  std::string got;
  std::thread reader([&] { got = text_of(in("pipe")); });
  const std::string text(300'000, 'x');  // more than the pipe holds
  const auto written = write(in("pipe"), text);
  reader.join();
  EXPECT_TRUE(written.has_value()) << written.error().message;
  EXPECT_EQ(got, text);
  EXPECT_EQ(fs::status(in("pipe")).type(), fs::file_type::fifo);
}

TEST_F(OutputFiles, APipeWhoseReaderGoesIsAnErrorAndNoSignal) {
  ASSERT_EQ(::mkfifo(in("pipe").c_str(), 0600), 0);
  const int reader = ::open(in("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  auto file = OutputFile::create(in("pipe"));
  ASSERT_TRUE(file.has_value()) << file.error().message;
  (void)::close(reader);
  file->write("text");
  const auto finished = file->finish();
  ASSERT_FALSE(finished.has_value());
  EXPECT_EQ(finished.error().code, ErrorCode::kIo);
}

// The node is one of the test's own where it may make one: an error here must not cost the machine
// its /dev/full.
TEST_F(OutputFiles, ADeviceThatIsFullIsReportedAndStays) {
  if (::mknod(in("full").c_str(), S_IFCHR | 0600, makedev(1, 7)) != 0 ||
      !std::ofstream(in("full"))) {
    if (::geteuid() == 0) GTEST_SKIP() << "no node can be made here";
    fs::remove(in("full"));
    fs::create_symlink("/dev/full", in("full"));
  }
  const auto written = write(in("full"), "text");
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code, ErrorCode::kIo);
  EXPECT_THAT(written.error().message, HasSubstr(in("full")));
  EXPECT_EQ(fs::status(in("full")).type(), fs::file_type::character);
  EXPECT_EQ(count(), 1U);
}

TEST_F(OutputFiles, WhatCannotBeWrittenIsFoundBeforeTheWork) {
  EXPECT_TRUE(OutputFile::check(in("out")).has_value());
  EXPECT_EQ(count(), 0U);
  EXPECT_EQ(OutputFile::check(in("none/out")).error().code, ErrorCode::kIo);
  EXPECT_EQ(OutputFile::check(in("")).error().code, ErrorCode::kIo);
  put(in("file"), "");
  EXPECT_EQ(OutputFile::check(in("file/out")).error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace switchyard

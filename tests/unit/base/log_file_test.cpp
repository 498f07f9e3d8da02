// The file of a log that runs for long: it is turned when it is full and goes on where it was.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "runtime/base/log.h"

namespace switchyard {
namespace {

class LogFileTest : public ::testing::Test {
 protected:
  LogFileTest() { std::filesystem::create_directories(folder); }
  ~LogFileTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  std::string path(const char* name) const { return (folder / name).string(); }
  std::string text(const char* name) const {
    std::ifstream in(path(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) /
                                 ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(LogFileTest, HoldsEachLineAsItWasToldAtOnce) {
  const auto log = make_file_log({path("a.log"), 4096, 3}, "warning").value();
  log->warn("{}", "{\"event\":\"x\"}");
  log->info("not this");
  EXPECT_EQ(text("a.log"), "{\"event\":\"x\"}\n");
}

TEST_F(LogFileTest, IsPutAsideWhenItIsFullAndOnlySomeAreKept) {
  const auto log = make_file_log({path("a.log"), 4096, 2}, "info").value();
  const std::string line(99, 'x');
  for (int i = 0; i < 1000; ++i) log->info("{}", line);
  for (const char* name : {"a.log", "a.1.log", "a.2.log"}) {
    EXPECT_GT(text(name).size(), 0U) << name;
    EXPECT_LE(text(name).size(), 4096U) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(path("a.3.log")));
}

TEST_F(LogFileTest, GoesOnInTheFileOfALifeBefore) {
  (void)make_file_log({path("a.log"), 4096, 2}, "info").value()->info("one");
  (void)make_file_log({path("a.log"), 4096, 2}, "info").value()->info("two");
  EXPECT_EQ(text("a.log"), "one\ntwo\n");
}

TEST_F(LogFileTest, SaysWhatIsWrong) {
  EXPECT_EQ(make_file_log({path("a.log"), 4096, 2}, "loud").error().code, ErrorCode::kUsage);
  const auto denied =
      make_file_log({path("no/such/folder\n/a.log") + std::string(300, 'x'), 4096, 2}, "info");
  ASSERT_FALSE(denied.has_value());
  EXPECT_EQ(denied.error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace switchyard

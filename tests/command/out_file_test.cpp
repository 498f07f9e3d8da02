// --out of every kind goes where the user said and replaces nothing but a regular file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const Arguments kGenerate{"generate",         "--preset", "demo",         "--prompt",
                          "Once upon a time", "--quiet",  "--max-tokens", "2"};

Arguments with(Arguments arguments, const Arguments& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(OutFile, APipeIsWrittenInto) {
  const ScratchFolder scratch;
  const auto pipe = scratch.path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::string command = quoted(binary_path());
  for (const auto& word : with(kGenerate, {"--out", pipe})) command += " " + quoted(word);
  const auto outcome = run_shell("timeout 60 cat " + quoted(pipe) + " & timeout 120 " + command +
                                 "; code=$?; wait; exit $code");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Once upon a time"));
  EXPECT_EQ(fs::status(pipe).type(), fs::file_type::fifo);
}

TEST(OutFile, ALinkIsFollowedByTextAndTensors) {
  const ScratchFolder scratch;
  const auto file = scratch.write("file", "old");
  fs::create_symlink(file, scratch.path("link"));
  const auto mine = scratch.write("link.part", "mine");
  const auto text = run_alone(with(kGenerate, {"--out", scratch.path("link")}));
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(read_file(file), HasSubstr("Once upon a time"));
  const auto tensors = run_alone({"logits", "--preset", "demo", "--prompt", "Once", "--last",
                                  "--quiet", "--out", scratch.path("link")});
  ASSERT_EQ(tensors.exit_code, 0) << tensors.err;
  EXPECT_THAT(read_file(file), HasSubstr("data_offsets"));
  const auto trace = run_alone(with(kGenerate, {"--trace-out", scratch.path("link")}));
  ASSERT_EQ(trace.exit_code, 0) << trace.err;
  EXPECT_THAT(read_file(file), HasSubstr("traceEvents"));
  EXPECT_TRUE(fs::is_symlink(scratch.path("link")));
  EXPECT_EQ(read_file(mine), "mine");
}

// As root a node of the test's own: an error here must not cost the machine its /dev/full.
TEST(OutFile, AFullDeviceEndsWithSix) {
  const ScratchFolder scratch;
  const auto full = scratch.path("full");
  if (::geteuid() != 0) {
    fs::create_symlink("/dev/full", full);
  } else if (::mknod(full.c_str(), S_IFCHR | 0600, makedev(1, 7)) != 0 || !std::ofstream(full)) {
    GTEST_SKIP() << "no node can be made here";
  }
  const auto outcome = run_alone(with(kGenerate, {"--out", full}));
  EXPECT_EQ(outcome.exit_code, 6) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("No space left"));
  EXPECT_TRUE(fs::is_character_file(full));
}

}  // namespace
}  // namespace switchyard::tests

// How `launch` ends where its ranks never come: mpirun is a script of this test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// PREFIX switchyard launch ..., with that mpirun, and a home and a folder for temporary files of
// its own.
Outcome launch_with(const ScratchFolder& scratch, const std::string& mpirun,
                    const std::string& prefix, const std::string& flags = {}) {
  const std::string script = scratch.write("mpirun", "#!/bin/sh\n" + mpirun);
  ::chmod(script.c_str(), 0700);
  fs::create_directory(scratch.path("tmp"));
  return run_shell("HOME=" + quoted(scratch.path("")) + " TMPDIR=" + quoted(scratch.path("tmp")) +
                   " PATH=" + quoted(scratch.path("")) + ":$PATH " + prefix + " " +
                   quoted(binary_path()) + " launch -n 2 " + flags +
                   " generate --preset demo --prompt x --max-tokens 2");
}

void expect_nothing_left(const ScratchFolder& scratch) {
  EXPECT_TRUE(fs::is_empty(scratch.path("tmp")));
  EXPECT_FALSE(fs::exists(scratch.path(".switchyard/run.json")));
}

class StoppedEarly : public ::testing::TestWithParam<const char*> {};

TEST_P(StoppedEarly, SaysSoAndLeavesNothing) {
  const ScratchFolder scratch;
  const auto outcome = launch_with(
      scratch, "exec sleep 60\n", std::string("timeout --preserve-status -s ") + GetParam() + " 3");
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("stopped before the cluster served anything"));
  EXPECT_THAT(outcome.err, HasSubstr(scratch.path("tmp") + "/switchyard-"));  // the run file
  EXPECT_EQ(outcome.out, "");
  expect_nothing_left(scratch);
}

INSTANTIATE_TEST_SUITE_P(Signals, StoppedEarly, ::testing::Values("INT", "TERM", "HUP"));

TEST(Launch, ShowsWhatMpirunSaidLast) {
  const ScratchFolder scratch;
  const std::string ruler(74, '-');
  const auto outcome = launch_with(
      scratch,
      "echo " + ruler + "; echo There are not enough slots; echo; echo " + ruler + "; exit 1\n",
      "");
  EXPECT_EQ(outcome.exit_code, 5) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("ranks.log: There are not enough slots"));
  EXPECT_THAT(outcome.err, ::testing::Not(HasSubstr(ruler)));
}

TEST(Launch, NamesRegionsOfTheRulesThatNoRankIsIn) {
  const ScratchFolder scratch;
  const auto outcome =
      launch_with(scratch, "exit 1\n", "", "--regions 0=eu,1=us --residency eu/gdpr=mars");
  EXPECT_THAT(outcome.err, HasSubstr("no rank is in mars; regions with ranks: eu, us"));
}

}  // namespace
}  // namespace switchyard::tests

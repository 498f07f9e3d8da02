// Commands that need no world are done by one rank, for the world that mpirun has started.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

TEST(FirstRank, InspectShowsTheLayoutOfTheWorldOnce) {
  const auto outcome = run_under_mpi(3, {"inspect", "--preset", "demo", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto document = outcome.json();  // two documents are none
  ASSERT_TRUE(document.is_object()) << outcome.out;
  ASSERT_EQ(document["ranks"].size(), 3U);
  EXPECT_EQ(document["ranks"][0]["role"], "router");
  EXPECT_EQ(document["ranks"][2]["role"], "expert");
}

TEST(FirstRank, OtherListingsComeOnce) {
  for (const Arguments& command : {Arguments{"config", "--json"}, Arguments{"kernels", "--json"},
                                   Arguments{"routing", "--json"}}) {
    const auto outcome = run_under_mpi(2, command);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.command << outcome.err;
    EXPECT_FALSE(outcome.json().is_discarded()) << outcome.command << outcome.out;
  }
}

TEST(FirstRank, AnErrorComesOnceAndIsTheRunsOwn) {
  const auto outcome = run_under_mpi(2, {"inspect", "--model", "/nowhere/model"});
  EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("/nowhere/model"));
}

// What the first rank has no share in is told by the rank that has it, and ends the others.
TEST(FirstRank, AnotherRanksOwnErrorIsTold) {
  const Arguments fine{"generate", "--preset", "demo", "--prompt", "x", "--max-tokens", "2"};
  auto unknown_flag = fine;
  unknown_flag.emplace_back("--threds");
  const ScratchFolder scratch;
  auto bad_key = fine;
  bad_key.insert(bad_key.end(), {"--config", scratch.write("bad.yaml", "device:\n  threds: 2\n")});
  for (const auto& [own, code] : {std::pair{unknown_flag, 2}, std::pair{bad_key, 3}}) {
    const auto outcome = run_under_mpi_each({fine, own, fine});
    EXPECT_EQ(outcome.exit_code, code) << outcome.command << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("threds")) << outcome.command;
    EXPECT_EQ(outcome.out, "") << outcome.command;
  }
}

TEST(FirstRank, RanksThatMpirunDidNotStartAreRefused) {
  const Arguments generate{"generate", "--preset", "demo", "--prompt", "x", "--max-tokens", "2"};
  for (const Arguments& command : {generate, Arguments{"inspect", "--preset", "demo"}}) {
    auto with = command;
    with.insert(with.end(), {"--ranks", "3"});
    const auto outcome = run_under_mpi(2, with);
    EXPECT_EQ(outcome.exit_code, 3) << outcome.command << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("cluster.ranks (--ranks) is 3, but mpirun has started 2"));
    EXPECT_EQ(outcome.out, "") << outcome.command;
  }
}

}  // namespace
}  // namespace switchyard::tests

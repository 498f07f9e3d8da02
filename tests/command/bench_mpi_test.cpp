// `bench` over processes: one rank prints, and bare MPI stands beside what stands on it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

std::vector<std::string> names_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.command << outcome.err;
  std::vector<std::string> names;
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) {
    const auto row = nlohmann::json::parse(line, nullptr, false);
    EXPECT_TRUE(row.is_object()) << line;
    names.push_back(row.is_object() && row.contains("header") ? "header"
                                                              : row.value("name", std::string()));
  }
  return names;
}

TEST(BenchOverMpi, TheExchangeHasBareMpiAsItsLimit) {
  const auto names = names_of(run_under_mpi(
      2, {"bench", "exchange", "--prompt-tokens", "16", "--batch", "3", "--json-lines"}));
  EXPECT_EQ(names.size(), 16U);  // two batches of two legs, six sizes of messages twice
  EXPECT_THAT(names, ::testing::IsSupersetOf({"exchange/bare mpi/4096 B", "exchange/mpi/4096 B"}));
}

TEST(BenchOverMpi, CeilingsHaveTheRoundTripsOfBareMpi) {
  const auto names = names_of(run_under_mpi(3, {"bench", "ceilings", "--json-lines"}));
  ASSERT_EQ(names.size(), 7U);
  EXPECT_EQ(names.front(), "header");
  EXPECT_EQ(names[1], "exchange/bare mpi/64 B");
  EXPECT_EQ(names[6], "exchange/bare mpi/1048576 B");
}

TEST(BenchOverMpi, AModelOverTwoRanksPrintsItsRowsOnce) {
  const auto names =
      names_of(run_under_mpi(2, {"bench", "model", "--preset", "demo", "--threads", "1",
                                 "--prompt-tokens", "16", "--decode-tokens", "6", "--batch", "3",
                                 "--repeats", "2", "--json-lines", "--equal-tokens"}));
  ASSERT_EQ(names.size(), 4U);
  EXPECT_EQ(names.front(), "header");
  EXPECT_THAT(names[2], ::testing::EndsWith("/1 sequence(s)"));
  EXPECT_THAT(names[3], ::testing::EndsWith("/3 sequence(s) of equal tokens"));
}

}  // namespace
}  // namespace switchyard::tests

// Law 1 over processes: every layout under mpirun gives the bits of one process. One test a row.
#include <gtest/gtest.h>

#include "tests/command/exactness_rows.h"

namespace switchyard::tests {
namespace {

struct Layout {
  const char* name;
  int ranks;
  Arguments arguments;
};

class ExactnessOverMpi : public ::testing::TestWithParam<Layout> {};

TEST_P(ExactnessOverMpi, EqualsOneProcess) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  const auto alone = run_alone(exactness_run(prompts, {}));
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  const auto& layout = GetParam();
  expect_same_sequences(run_under_mpi(layout.ranks, exactness_run(prompts, layout.arguments)),
                        alone.json()["sequences"]);
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, ExactnessOverMpi,
    ::testing::Values(Layout{"OneRank", 1, {}}, Layout{"TwoRanks", 2, {}},
                      Layout{"TwoRoutersTogether", 2, {"--routers", "2", "--colocate"}},
                      Layout{"ThreeRanks", 3, {}},
                      Layout{"ThreeRanksTwoRouters", 3, {"--routers", "2"}},
                      Layout{"ThreeRoutersTogether", 3, {"--routers", "3", "--colocate"}},
                      Layout{"FourRanks", 4, {}}, Layout{"FourRanksTogether", 4, {"--colocate"}},
                      Layout{"FourRanksTwoRouters", 4, {"--routers", "2"}},
                      Layout{"FourRoutersTogether", 4, {"--routers", "4", "--colocate"}},
                      Layout{"FourRanksRoundRobin", 4, {"--placement", "round-robin"}},
                      Layout{"FourRanksTwoReplicas", 4, {"--replicas", "2"}},
                      Layout{"FourRanksChunked", 4, {"--chunk", "7", "--sequences", "4"}},
                      Layout{"EightRanks", 8, {}},
                      Layout{"EightRanksTwoRouters", 8, {"--routers", "2"}},
                      Layout{"EightRoutersTogether", 8, {"--routers", "8", "--colocate"}}),
    [](const auto& layout) { return std::string(layout.param.name); });

TEST(LogitsOverMpi, FileEqualsThatOfOneProcess) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  const auto arguments = [&](const std::string& name) {
    return Arguments{"logits", "--preset",         "demo",   "--prompts", prompts,
                     "--out",  scratch.path(name), "--json", "--quiet"};
  };
  ASSERT_EQ(run_alone(arguments("one")).exit_code, 0);
  const auto four = run_under_mpi(4, arguments("four"));
  ASSERT_EQ(four.exit_code, 0) << four.err;
  EXPECT_TRUE(four.json()["report"]["conserved"].get<bool>());
  EXPECT_GT(four.json()["report"]["pairs_answered"], 0);
  EXPECT_TRUE(read_file(scratch.path("one")) == read_file(scratch.path("four")));
  for (const auto& [ranks, layout] : std::vector<std::pair<int, Arguments>>{
           {2, {"--colocate", "--routers", "2"}}, {3, {"--routers", "2"}}, {8, {"--chunk", "7"}}}) {
    auto other = arguments("other");
    other.insert(other.end(), layout.begin(), layout.end());
    ASSERT_EQ(run_under_mpi(ranks, other).exit_code, 0);
    EXPECT_TRUE(read_file(scratch.path("one")) == read_file(scratch.path("other"))) << ranks;
  }
}

// A rank reads its experts and not the others', and holds little beside them.
TEST(MemoryOverMpi, OfARankIsItsShareOfTheWeightsAndLittleMore) {
  const ScratchFolder scratch;
  auto outcome = run_under_mpi(4, exactness_run(exactness_prompts(scratch), {}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto report = outcome.json()["report"];
  const auto whole = run_alone(exactness_run(exactness_prompts(scratch), {})).json()["report"];
  const double all_read = whole["ranks"][0]["weight_bytes_read"];
  ASSERT_EQ(report["ranks"].size(), 4U);
  constexpr double kBesideWeightsMax = 200.0 * 1024 * 1024;
  double read = 0;
  for (const auto& rank : report["ranks"]) {
    const double own = rank["weight_bytes_read"];
    read += own;
    EXPECT_LT(own, 0.6 * all_read) << rank;
    EXPECT_LT(rank["rss_peak_bytes"].get<double>(), 2 * own + kBesideWeightsMax) << rank;
  }
  EXPECT_EQ(read, all_read) << "each weight is read by one rank";
}

TEST(EvalOverMpi, EqualsOneProcess) {
  const ScratchFolder scratch;
  const auto text =
      scratch.write("text.txt", read_file(source_path("configs/texts/dev.txt")).substr(0, 8000));
  const Arguments arguments{"eval", "--preset", "demo", "--text", text, "--json", "--quiet"};
  const auto alone = run_alone(arguments).json();
  const auto outcome = run_under_mpi(3, arguments);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto over_mpi = outcome.json();
  for (const char* key : {"tokens", "nll", "perplexity", "mean_experts", "k_histogram"}) {
    EXPECT_EQ(alone[key], over_mpi[key]) << key;
  }
  EXPECT_TRUE(over_mpi["report"]["conserved"].get<bool>());
  EXPECT_EQ(over_mpi["report"]["pairs_dispatched"], alone["report"]["pairs_dispatched"]);
}

}  // namespace
}  // namespace switchyard::tests

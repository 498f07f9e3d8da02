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

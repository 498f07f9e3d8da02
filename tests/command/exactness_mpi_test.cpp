// Law 1 over processes: every layout under mpirun gives the bits of one process. One test a row.
// What a row is not named for varies from row to row, so that pairs of settings meet.
#include <gtest/gtest.h>

#include "tests/command/exactness_rows.h"

namespace switchyard::tests {
namespace {

// Stands for file:PLAN, the plan that the suite makes first.
constexpr const char* kPlan = "a plan";

struct Row {
  const char* name;
  int ranks;
  Arguments arguments;
  const char* mpirun_flags = "";
};

std::string name_of(const ::testing::TestParamInfo<Row>& row) { return row.param.name; }

// One process says what all rows must say; that is asked once.
class ExactnessOverMpi : public ::testing::TestWithParam<Row> {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new ScratchFolder;
    prompts_ = exactness_prompts(*scratch_);
    const auto alone = run_alone(exactness_run(prompts_, {}));
    ASSERT_EQ(alone.exit_code, 0) << alone.err;
    alone_ = alone.json()["sequences"];
    expect_prompts_cross_pages(alone_);
    const auto trace = scratch_->path("loads.jsonl");
    const auto traced = run_alone({"trace", "--preset", "demo", "--prompt", "The captain said",
                                   "--max-tokens", "8", "--out", trace});
    ASSERT_EQ(traced.exit_code, 0) << traced.err;
    const auto placed = run_alone(
        {"place", trace, "--ranks", "4", "--slots", "5", "--out", scratch_->path("plan.json")});
    ASSERT_EQ(placed.exit_code, 0) << placed.err;
  }
  static void TearDownTestSuite() { delete scratch_; }

  static inline ScratchFolder* scratch_ = nullptr;
  static inline std::string prompts_;
  static inline nlohmann::json alone_;
};

TEST_P(ExactnessOverMpi, EqualsOneProcess) {
  auto [name, ranks, arguments, mpirun_flags] = GetParam();
  for (auto& argument : arguments) {
    if (argument == kPlan) argument = "file:" + scratch_->path("plan.json");
  }
  const auto outcome = run_under_mpi(ranks, exactness_run(prompts_, arguments), mpirun_flags);
  expect_same_sequences(outcome, alone_);
}

// mpirun -n 2, 3, 4, 8 with 1, 2 and all routers, colocated or not.
INSTANTIATE_TEST_SUITE_P(
    Layouts, ExactnessOverMpi,
    ::testing::Values(
        Row{"OneRank", 1, {}}, Row{"TwoRanks", 2, {"--chunk", "64"}},
        Row{"TwoRanksTogether", 2, {"--colocate", "--sequences", "4"}},
        Row{"TwoRoutersTogether", 2, {"--routers", "2", "--colocate", "--replicas", "2"}},
        Row{"ThreeRanks", 3, {"--placement", "round-robin"}},
        Row{"ThreeRanksTogether", 3, {"--colocate", "--chunk", "7"}},
        Row{"ThreeRanksTwoRouters", 3, {"--routers", "2", "--micro-batches", "2"}},
        Row{"ThreeRanksTwoRoutersTogether", 3, {"--routers", "2", "--colocate", "--chunk", "64"}},
        Row{"ThreeRoutersTogether", 3, {"--routers", "3", "--colocate", "--replicas", "2"}},
        Row{"FourRanks", 4, {}}, Row{"FourRanksTogether", 4, {"--colocate"}},
        Row{"FourRanksTwoRouters", 4, {"--routers", "2", "--chunk", "64", "--sequences", "3"}},
        Row{"FourRanksTwoRoutersTogether", 4, {"--routers", "2", "--colocate"}},
        Row{"FourRoutersTogether", 4, {"--routers", "4", "--colocate", "--chunk", "7"}},
        Row{"EightRanks", 8, {"--replicas", "2"}},
        Row{"EightRanksTogether", 8, {"--colocate", "--chunk", "64"}},
        Row{"EightRanksTwoRouters", 8, {"--routers", "2", "--placement", "round-robin"}},
        Row{"EightRanksTwoRoutersTogether", 8, {"--routers", "2", "--colocate"}},
        Row{"EightRoutersTogether", 8, {"--routers", "8", "--colocate"}}),
    name_of);

// A batch of 1 against one of 16, each with chunks of 1, 7, 64 and whole prompts; the longest has
// 301 tokens.
INSTANTIATE_TEST_SUITE_P(
    BatchesAndChunks, ExactnessOverMpi,
    ::testing::Values(
        Row{"BatchOfOneChunkOfOne", 2, {"--sequences", "1", "--chunk", "1"}},
        Row{"BatchOfOneChunkOfSeven", 4, {"--sequences", "1", "--chunk", "7", "--routers", "2"}},
        Row{"BatchOfOneChunkOfSixtyFour", 3, {"--sequences", "1", "--chunk", "64", "--colocate"}},
        Row{"BatchOfOneWholePrompts", 4, {"--sequences", "1", "--chunk", "512"}},
        Row{"BatchOfSixteenChunkOfOne",
            2,
            {"--sequences", "16", "--chunk", "1", "--routers", "2", "--colocate"}},
        Row{"BatchOfSixteenChunkOfSeven", 4, {"--sequences", "16", "--chunk", "7"}},
        Row{"BatchOfSixteenChunkOfSixtyFour",
            3,
            {"--sequences", "16", "--chunk", "64", "--routers", "2"}},
        Row{"BatchOfSixteenWholePrompts",
            4,
            {"--sequences", "16", "--chunk", "512", "--routers", "2", "--colocate"}}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Placements, ExactnessOverMpi,
    ::testing::Values(
        Row{"Contiguous", 3, {"--placement", "contiguous", "--chunk", "64"}},
        Row{"RoundRobin", 4, {"--placement", "round-robin"}},
        Row{"Balanced", 4, {"--placement", "balanced", "--replicas", "2", "--routers", "2"}},
        Row{"Eplb", 4, {"--placement", "eplb", "--colocate"}},
        Row{"FromFile", 4, {"--placement", kPlan, "--routers", "4", "--colocate"}}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Replicas, ExactnessOverMpi,
    ::testing::Values(
        Row{"Off", 4, {"--replicas", "1", "--chunk", "7"}}, Row{"Two", 4, {"--replicas", "2"}},
        Row{"LocalFirst",
            3,
            {"--replicas", "2", "--replica-choice", "local-first", "--colocate", "--routers", "2"}},
        Row{"Nearest",
            4,
            {"--replicas", "2", "--replica-choice", "nearest", "--colocate", "--routers", "4"}},
        Row{"TakenByTurns", 4, {"--replicas", "3", "--replica-choice", "round-robin"}},
        Row{"Weighted",
            4,
            {"--replicas", "2", "--replica-choice", "weighted", "--routers", "2", "--chunk", "7"}}),
    name_of);

// Between the processes; ranks as threads (the local transport) are exactness_test.cpp's.
INSTANTIATE_TEST_SUITE_P(
    Transports, ExactnessOverMpi,
    ::testing::Values(Row{"SharedMemory", 3, {"--routers", "2"}, "--mca btl self,vader"},
                      Row{"Tcp", 3, {"--routers", "2", "--chunk", "64"}, "--mca btl self,tcp"}),
    name_of);

// The other two families: a checkpoint of each with random weights, whose contexts are short.
class FamiliesOverMpi : public ::testing::TestWithParam<const char*> {};

TEST_P(FamiliesOverMpi, EqualOneProcess) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch, {.vocab = 317, .tokens = {63, 65, 129, 200}});
  const auto arguments = [&](Arguments layout) {
    layout.insert(layout.end(),
                  {"--model", source_path(std::string("tests/golden/") + GetParam())});
    return exactness_run(prompts, layout);
  };
  const auto alone = run_alone(arguments({}));
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  const auto sequences = alone.json()["sequences"];
  expect_prompts_cross_pages(sequences);
  expect_same_sequences(run_under_mpi(4, arguments({"--routers", "2", "--chunk", "64"})),
                        sequences);
  expect_same_sequences(run_under_mpi(3, arguments({"--routers", "3", "--colocate", "--replicas",
                                                    "2", "--sequences", "4", "--chunk", "7"})),
                        sequences);
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, FamiliesOverMpi,
                         ::testing::Values("tiny-mixtral", "tiny-olmoe"), [](const auto& row) {
                           std::string name = row.param;
                           std::erase(name, '-');
                           return name;
                         });

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
  for (const auto& [ranks, layout] :
       std::vector<std::pair<int, Arguments>>{{2, {"--colocate", "--routers", "2"}},
                                              {3, {"--routers", "2", "--placement", "round-robin"}},
                                              {4, {"--replicas", "2", "--chunk", "64"}},
                                              {8, {"--chunk", "7"}}}) {
    auto other = arguments("other");
    other.insert(other.end(), layout.begin(), layout.end());
    ASSERT_EQ(run_under_mpi(ranks, other).exit_code, 0);
    EXPECT_TRUE(read_file(scratch.path("one")) == read_file(scratch.path("other"))) << ranks;
  }
}

// A token at a time, a sequence at a time, and another way for the messages.
TEST(LogitsOverMpi, FileEqualsThatOfOneProcessOneByOneAndOverTcp) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch, {2000, {1, 5, 17}});
  const auto logits = [&](const std::string& name, const Arguments& extra) {
    Arguments arguments{"logits", "--preset",         "demo",   "--prompts", prompts,
                        "--out",  scratch.path(name), "--json", "--quiet"};
    arguments.insert(arguments.end(), extra.begin(), extra.end());
    return arguments;
  };
  ASSERT_EQ(run_alone(logits("alone", {})).exit_code, 0);
  const Arguments one_by_one{"--sequences", "1", "--chunk", "1"};
  const auto slow = run_under_mpi(3, logits("slow", one_by_one));
  ASSERT_EQ(slow.exit_code, 0) << slow.err;
  const auto tcp = run_under_mpi(3, logits("tcp", {}), "--mca btl self,tcp");
  ASSERT_EQ(tcp.exit_code, 0) << tcp.err;
  for (const std::string name : {"slow", "tcp"}) {
    EXPECT_TRUE(read_file(scratch.path("alone")) == read_file(scratch.path(name))) << name;
  }
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

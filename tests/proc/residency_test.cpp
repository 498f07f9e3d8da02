// Residency over real processes: rows under a rule go to no rank outside its regions, whatever the
// copies elsewhere; what cannot be served within its rule is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/command/exactness_rows.h"
#include "tests/proc/launched_cluster.h"
#include "tests/proc/ruled_prompts.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

// Ranks 0, 2, 3 in eu; 1, 4, 5 in us; a router and two expert ranks in each.
const Arguments kTwoRegions = {"-n",          "6",         "--routers",
                               "2",           "--regions", "0=eu,1=us,2-3=eu,4-5=us",
                               "--residency", "eu/gdpr=eu"};

TEST(Residency, RowsUnderARuleStayInItsRegions) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  const auto alone = run_alone(exactness_run(prompts, {}));
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  LaunchedCluster cluster(kTwoRegions, exactness_run(with_regime(scratch, prompts, "eu/gdpr"), {}));
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  const auto document = outcome.json();
  EXPECT_EQ(document["sequences"], alone.json()["sequences"]);
  EXPECT_EQ(restricted_rows_to(document, {1, 4, 5}), 0U);
  EXPECT_GT(restricted_rows_to(document, {2, 3}), 0U);
  for (const auto& rank : document["report"]["ranks"]) {
    if (rank["rank"] == 1) {
      EXPECT_EQ(rank["restricted_rows_sent"], nlohmann::json(std::vector<int>(6, 0)));
    }
  }
}

// The spare of the region takes the experts, though the other has the lower number; and the
// sequences that run under the rule may send their rows to it.
TEST(Residency, HoldsWhenTheRegionsOnlyExpertRankDies) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  const Arguments longer = {"--max-tokens", "256"};
  const auto alone = run_alone(exactness_run(prompts, longer));
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  LaunchedCluster cluster(
      {"-n", "5", "--spares", "2", "--regions", "0-1=eu,2-3=us,4=eu", "--residency", "eu/gdpr=eu"},
      exactness_run(with_regime(scratch, prompts, "eu/gdpr"), longer));
  const auto busy = cluster.await([](const nlohmann::json& now) {
    return now["view"].is_object() && now["ranks"][0].value("steps", 0U) >= 50;
  });
  ASSERT_TRUE(busy) << "the run was over before the death";
  LaunchedCluster::send_signal(*busy, 1, SIGKILL);
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  const auto document = outcome.json();
  EXPECT_EQ(document["sequences"], alone.json()["sequences"]);
  EXPECT_EQ(restricted_rows_to(document, {2, 3}), 0U);
  EXPECT_GT(restricted_rows_to(document, {4}), 0U);
}

TEST(Residency, ARegimeWithoutARuleIsRefused) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  LaunchedCluster cluster(kTwoRegions, exactness_run(with_regime(scratch, prompts, "sg/pdpa"), {}));
  const auto outcome = cluster.finish();
  EXPECT_EQ(outcome.exit_code, 5) << outcome.out;
  EXPECT_THAT(outcome.err, HasSubstr("residency_forbidden"));
}

TEST(Residency, WithoutAControllerARuleCannotBeKept) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  const auto outcome = run_alone(exactness_run(with_regime(scratch, prompts, "eu/gdpr"), {}));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("ruled.jsonl:1"));
}

}  // namespace
}  // namespace switchyard::tests

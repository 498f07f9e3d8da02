// Residency over real processes: rows under a rule go to no rank outside its regions, whatever the
// copies elsewhere; what cannot be served within its rule is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "tests/command/exactness_rows.h"
#include "tests/proc/launched_cluster.h"
#include "tests/proc/much_work.h"
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
  const std::uint64_t ruled = restricted_rows_to(document, {2, 3});
  EXPECT_GT(ruled, 0U);
  EXPECT_EQ(rows_by_ends(document["report"]["restricted_rows"]),
            nlohmann::json({{"eu>eu", ruled}, {"eu>us", 0}}));
  for (const auto& rank : document["report"]["ranks"]) {
    if (rank["rank"] == 1) {
      EXPECT_EQ(rank["restricted_rows_sent"], nlohmann::json(std::vector<int>(6, 0)));
    }
  }
}

// Work for seconds, its prompts under the rule.
Arguments much_ruled_work(const ScratchFolder& scratch, const std::string& regime, Ruled which) {
  Arguments work = much_work(scratch);
  const auto prompts = std::ranges::find(work, "--prompts") + 1;
  *prompts = with_regime(scratch, *prompts, regime, which);
  return work;
}

// Where every request is under the rule, all rows that are sent at all are counted as going from
// its origin to its region, and exactly none elsewhere; what the controller shows meanwhile agrees.
TEST(Residency, RowsAreCountedByOriginAndRegion) {
  const ScratchFolder scratch;
  LaunchedCluster cluster(kTwoRegions, much_ruled_work(scratch, "eu:gdpr", Ruled::kAll));
  const auto live = cluster.await([](const nlohmann::json& now) {
    return rows_by_ends(now.value("restricted_rows", nlohmann::json::array()), "rows_total")
               .value("eu>eu", 0U) > 0;
  });
  ASSERT_TRUE(live) << "the run was over before a load report";
  const auto shown = rows_by_ends((*live)["restricted_rows"], "rows_total");
  EXPECT_EQ(shown["eu>us"], 0);
  EXPECT_EQ(shown.size(), 2U);
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  const auto report = outcome.json()["report"];
  std::uint64_t sent = 0;
  for (const auto& rank : report["ranks"]) sent += rank["rows_dispatched"].get<std::uint64_t>();
  EXPECT_GT(sent, 0U);
  EXPECT_EQ(rows_by_ends(report["restricted_rows"]),
            nlohmann::json({{"eu>eu", sent}, {"eu>us", 0}}));
  EXPECT_EQ(restricted_rows_to(outcome.json(), {2, 3}), sent);
  EXPECT_LE(shown["eu>eu"].get<std::uint64_t>(), sent);
}

// The spare of the region takes the experts, though the other has the lower number; and the
// sequences that run under the rule may send their rows to it.
TEST(Residency, HoldsWhenTheRegionsOnlyExpertRankDies) {
  const ScratchFolder scratch;
  const auto alone = run_alone(much_work(scratch));
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  LaunchedCluster cluster(
      {"-n", "5", "--spares", "2", "--regions", "0-1=eu,2-3=us,4=eu", "--residency", "eu/gdpr=eu"},
      much_ruled_work(scratch, "eu/gdpr", Ruled::kEverySecond));
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

// A dead router says no goodbye: its rows under the rule are in the closing report as far as it had
// reported them, and the report says that there may be more.
TEST(Residency, RowsOfARouterThatDiedAreCounted) {
  const ScratchFolder scratch;
  LaunchedCluster cluster(
      {"-n", "4", "--routers", "2", "--regions", "0-3=eu", "--residency", "eu/gdpr=eu"},
      much_ruled_work(scratch, "eu:gdpr", Ruled::kAll));
  const auto busy = cluster.await([](const nlohmann::json& now) {
    return now["view"].is_object() && now["ranks"][1].value("tokens_total", 0U) > 0;
  });
  ASSERT_TRUE(busy) << "the run was over before the death";
  LaunchedCluster::send_signal(*busy, 1, SIGKILL);
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  const auto report = outcome.json()["report"];
  EXPECT_EQ(report["at_least"], true);
  ASSERT_EQ(report["died"].size(), 1U);
  const auto& died = report["died"][0];
  EXPECT_EQ(died["rank"], 1);
  EXPECT_EQ(died["router"], true);
  EXPECT_GE(died["tokens_at_least"], (*busy)["ranks"][1]["tokens_total"]);
  const auto its = rows_by_ends(died["restricted_rows_at_least"]).value("eu>eu", std::uint64_t{0});
  EXPECT_GT(its, 0U);
  EXPECT_EQ(rows_by_ends(report["restricted_rows"]),
            nlohmann::json({{"eu>eu", its + restricted_rows_to(outcome.json(), {2, 3})}}));
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

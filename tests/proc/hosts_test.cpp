// A cluster over two hosts in two regions: residency holds, and when one host is cut off the other
// goes on with the same texts. Skipped where network namespaces cannot be made.
#include <gtest/gtest.h>

#include "runtime/base/clock.h"
#include "tests/command/exactness_rows.h"
#include "tests/proc/launched_cluster.h"
#include "tests/proc/ruled_prompts.h"
#include "tests/proc/two_hosts.h"

namespace switchyard::tests {
namespace {

// Ranks 0 to 2 on the first host, in eu; 3 to 5 on the second, in us.
Arguments over_two_hosts() {
  return {"-n",          "6",
          "--host",      TwoHosts::address(0) + ":3," + TwoHosts::address(1) + ":3",
          "--listen",    TwoHosts::address(0),
          "--regions",   "0-2=eu,3-5=us",
          "--residency", "eu/gdpr=eu"};
}

// Routers, with sequences and experts, on both hosts. The side without the controller cannot finish
// a step without the other's experts, hears of no new view and is given nothing new: it ends by
// itself and leaves nothing behind. The other side has its sequences from their last told tokens.
TEST(Hosts, TheSideWithoutTheControllerKeepsNothingHalfDone) {
  const TwoHosts hosts;
  if (!hosts.made()) GTEST_SKIP() << "no network namespaces here: " << hosts.why();
  const ScratchFolder scratch;
  const auto arguments = exactness_run(exactness_prompts(scratch), {"--max-tokens", "440"});
  const auto alone = run_alone(arguments);
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  auto spread = arguments;
  spread.insert(spread.end(),
                {"--routers", "4", "--colocate", "--set", "cluster.exchange_deadline_ms=15000"});
  LaunchedCluster cluster(
      {"-n", "4", "--host", TwoHosts::address(0) + ":2," + TwoHosts::address(1) + ":2", "--listen",
       TwoHosts::address(0)},
      spread, hosts.prefix());
  const auto status = cluster.await([](const nlohmann::json& now) {
    return now["view"].is_object() && now["ranks"][3].value("steps", 0U) >= 50;
  });
  ASSERT_TRUE(status) << "the run was over before the cut";
  EXPECT_EQ(hosts.ranks_on(1), 2);
  hosts.cut();
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  const auto document = outcome.json();
  EXPECT_EQ(document["sequences"], alone.json()["sequences"]);
  EXPECT_TRUE(document["report"]["conserved"].get<bool>());
  EXPECT_EQ(document["report"]["ranks"].size(), 2U);
  const SteadyClock clock;
  const auto deadline = Deadline::after(clock, std::chrono::seconds(60));
  while (hosts.ranks_on(1) > 0 && !deadline.passed(clock)) {
  }
  EXPECT_EQ(hosts.ranks_on(1), 0);
}

TEST(Hosts, OneIsCutOffAndTheOtherGoesOn) {
  const TwoHosts hosts;
  if (!hosts.made()) GTEST_SKIP() << "no network namespaces here: " << hosts.why();
  const ScratchFolder scratch;
  const auto arguments = exactness_run(exactness_prompts(scratch), {"--max-tokens", "440"});
  const auto alone = run_alone(arguments);
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  const auto ruled = with_regime(scratch, exactness_prompts(scratch), "eu/gdpr");
  LaunchedCluster cluster(over_two_hosts(), exactness_run(ruled, {"--max-tokens", "440"}),
                          hosts.prefix());
  const auto status = cluster.await([](const nlohmann::json& now) {
    return now["view"].is_object() && now["ranks"][0].value("steps", 0U) >= 50;
  });
  ASSERT_TRUE(status) << "the run was over before the cut";
  hosts.cut();
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  const auto document = outcome.json();
  EXPECT_EQ(document["sequences"], alone.json()["sequences"]);
  EXPECT_TRUE(document["report"]["conserved"].get<bool>());
  EXPECT_EQ(document["report"]["ranks"].size(), 3U);
  EXPECT_EQ(restricted_rows_to(document, {3, 4, 5}), 0U);
  EXPECT_GT(restricted_rows_to(document, {1, 2}), 0U);
}

}  // namespace
}  // namespace switchyard::tests

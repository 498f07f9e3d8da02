// Replica choice `nearest` between real processes on two hosts: each router's rows go to the copy
// that is nearest by zone, region and the given costs of links, and to a farther one only past the
// load at which a rank counts as full. Skipped where network namespaces cannot be made.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/command/exactness_rows.h"
#include "tests/proc/launched_cluster.h"
#include "tests/proc/ruled_prompts.h"
#include "tests/proc/two_hosts.h"

namespace switchyard::tests {
namespace {

// Two routers on the first host, in eu (zone a) and sa; on the second host four expert ranks with
// every expert: 2 in eu, zone a; 3 in eu, zone b; 4 in us; 5 in ap. To a router that goes by zone
// and region 2 is nearest, then 3, then 4; to the one in sa 4 is, by the costs, then 2 and 3.
Arguments near_and_far(double spill_over) {
  return {"-n", "6", "--routers", "2", "--host",
          TwoHosts::address(0) + ":2," + TwoHosts::address(1) + ":4", "--listen",
          TwoHosts::address(0), "--regions", "0=eu/a,1=sa/x,2=eu/a,3=eu/b,4=us/x,5=ap/x",
          "--replicas", "4", "--replica-choice", "nearest", "--link-costs",
          "sa:us=10,sa:eu=50,sa:ap=90,eu:us=80,eu:ap=200", "--set",
          "cluster.spill_over=" + std::to_string(spill_over),
          // Everything is allowed: the rules are there so that rows are counted by their ends.
          "--residency", "eu/any=eu+sa+us+ap;sa/any=eu+sa+us+ap"};
}

// `count` prompts of `tokens` tokens, by turns from eu and from sa.
std::string prompts_of(const ScratchFolder& scratch, std::size_t count, std::size_t tokens,
                       Ruled which) {
  std::string lines;
  for (std::size_t i = 0; i < count; ++i) {
    nlohmann::json line = {{"id", std::to_string(i)}, {"tokens", nlohmann::json::array()}};
    for (std::size_t t = 0; t < tokens; ++t) line["tokens"].push_back(1 + (7 * i + 3 * t) % 50);
    if (which == Ruled::kAll) {
      line["origin"] = i % 2 == 0 ? "eu" : "sa";
      line["regime"] = "any";
    }
    lines += line.dump() + "\n";
  }
  return scratch.write(which == Ruled::kAll ? "ruled.jsonl" : "plain.jsonl", lines);
}

// Rows under a rule from each router to each rank; the texts are those of a run alone.
struct Sent {
  nlohmann::json by_ends;  // {"ORIGIN>REGION": rows}
  std::vector<std::uint64_t> from_eu;
  std::vector<std::uint64_t> from_sa;
};
Sent run_near_and_far(const TwoHosts& hosts, double spill_over, std::size_t count,
                      std::size_t tokens) {
  const ScratchFolder scratch;
  const auto alone =
      run_alone(exactness_run(prompts_of(scratch, count, tokens, Ruled::kEverySecond), {}));
  EXPECT_EQ(alone.exit_code, 0) << alone.err;
  LaunchedCluster cluster(near_and_far(spill_over),
                          exactness_run(prompts_of(scratch, count, tokens, Ruled::kAll), {}),
                          hosts.prefix());
  const auto outcome = cluster.finish();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  const auto document = outcome.json();
  if (!document.is_object()) return {};
  EXPECT_EQ(document["sequences"], alone.json()["sequences"]);
  EXPECT_TRUE(document["report"]["conserved"].get<bool>());
  const auto sent = [&](std::size_t rank) {
    return document["report"]["ranks"][rank]["restricted_rows_sent"]
        .get<std::vector<std::uint64_t>>();
  };
  return {rows_by_ends(document["report"]["restricted_rows"]), sent(0), sent(1)};
}

// All cells but these are zero.
void expect_only(const nlohmann::json& by_ends, const std::vector<std::string>& ends) {
  for (const auto& [name, rows] : by_ends.items()) {
    const bool wanted = std::ranges::find(ends, name) != ends.end();
    EXPECT_EQ(rows.get<std::uint64_t>() > 0, wanted) << name << ": " << by_ends.dump();
  }
  for (const auto& name : ends) EXPECT_TRUE(by_ends.contains(name)) << by_ends.dump();
}

TEST(Nearest, RowsGoToTheNearestCopyAlone) {
  const TwoHosts hosts;
  if (!hosts.made()) GTEST_SKIP() << "no network namespaces here: " << hosts.why();
  const Sent sent = run_near_and_far(hosts, 0, 16, 200);
  ASSERT_EQ(sent.from_eu.size(), 6U);
  expect_only(sent.by_ends, {"eu>eu", "sa>us"});
  EXPECT_EQ(sent.by_ends["eu>eu"], sent.from_eu[2]) << "the other zone got some";
  EXPECT_EQ(sent.by_ends["sa>us"], sent.from_sa[4]);
}

// A rank is full with three times its fair share of a dispatch: three quarters of it where four
// ranks have every expert. The rest goes to the next tier, and nothing to the ones behind that.
TEST(Nearest, FartherCopiesTakeWhatIsTooMuch) {
  const TwoHosts hosts;
  if (!hosts.made()) GTEST_SKIP() << "no network namespaces here: " << hosts.why();
  const Sent sent = run_near_and_far(hosts, 3, 16, 200);
  ASSERT_EQ(sent.from_eu.size(), 6U);
  expect_only(sent.by_ends, {"eu>eu", "sa>us", "sa>eu"});
  EXPECT_GT(sent.from_eu[3], 0U);
  EXPECT_GT(sent.from_eu[2], sent.from_eu[3]);
  EXPECT_GT(sent.from_sa[2] + sent.from_sa[3], 0U);
  EXPECT_GT(sent.from_sa[4], sent.from_sa[2] + sent.from_sa[3]);
}

// The same limit, and no dispatch that is large enough to pass it (64 pairs).
TEST(Nearest, SmallDispatchesNeverSpillOver) {
  const TwoHosts hosts;
  if (!hosts.made()) GTEST_SKIP() << "no network namespaces here: " << hosts.why();
  const Sent sent = run_near_and_far(hosts, 3, 4, 5);
  ASSERT_EQ(sent.from_eu.size(), 6U);
  expect_only(sent.by_ends, {"eu>eu", "sa>us"});
  EXPECT_EQ(sent.from_eu[3], 0U);
  EXPECT_GT(sent.from_eu[2], 0U);
}

}  // namespace
}  // namespace switchyard::tests

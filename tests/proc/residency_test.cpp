// Residency over real processes: rows under a rule go to no rank outside its regions, whatever the
// copies elsewhere; what cannot be served within its rule is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/command/exactness_rows.h"
#include "tests/proc/launched_cluster.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

// Ranks 0, 2, 3 in eu; 1, 4, 5 in us; a router and two expert ranks in each.
const Arguments kTwoRegions = {"-n",          "6",         "--routers",
                               "2",           "--regions", "0=eu,1=us,2-3=eu,4-5=us",
                               "--residency", "eu/gdpr=eu"};

// The prompts of the file, every second one under the regime.
std::string with_regime(const ScratchFolder& scratch, const std::string& prompts,
                        const std::string& regime) {
  std::istringstream in(read_file(prompts));
  std::string out;
  std::size_t number = 0;
  for (std::string line; std::getline(in, line); ++number) {
    auto prompt = nlohmann::json::parse(line);
    if (number % 2 == 0) prompt["regime"] = regime;
    out += prompt.dump() + "\n";
  }
  return scratch.write("ruled.jsonl", out);
}

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
  std::uint64_t inside = 0;
  for (const auto& rank : document["report"]["ranks"]) {
    const auto& sent = rank["restricted_rows_sent"];
    for (const std::size_t outside : {1, 4, 5}) EXPECT_EQ(sent[outside], 0) << rank["rank"];
    for (const std::size_t to : {2, 3}) inside += sent[to].get<std::uint64_t>();
    if (rank["rank"] == 1) {
      EXPECT_EQ(sent, nlohmann::json(std::vector<int>(6, 0)));
    }
  }
  EXPECT_GT(inside, 0U);
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

#include "runtime/placement/load_trace.h"

#include <gmock/gmock.h>

#include "runtime/placement/plan_score.h"
#include "runtime/placement/planner_table.h"

namespace switchyard::placement {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kHeader =
    R"({"format": "switchyard-trace", "version": 1, "family": "x", "layers": 1, "experts": 4})"
    "\n";
const std::string kFirst = R"({"id": "a", "layers": [{"k": [2, 1], "experts": [0, 3, 1]}]})"
                           "\n";
const std::string kSecond = R"({"id": "b", "layers": [{"k": [2], "experts": [3, 0]}]})"
                            "\n";
const std::string kLoads = R"({"loads": [[2, 1, 0, 2]]})"
                           "\n";

TEST(LoadTrace, CountsOverWindows) {
  const auto trace = LoadTrace::parse(kHeader + kFirst + kSecond + kLoads, "t").value();
  EXPECT_EQ(trace.sequences(), 2U);
  EXPECT_EQ(trace.tokens(trace.all()), 3U);
  EXPECT_THAT(trace.loads(trace.all()), ElementsAre(2, 1, 0, 2));
  EXPECT_THAT(trace.loads({1, 1}), ElementsAre(1, 0, 0, 1));
  const auto together = trace.chosen_together(trace.all());
  EXPECT_EQ(together[0 * 4 + 3], 2U);
  EXPECT_EQ(together[3 * 4 + 0], 2U);
  EXPECT_EQ(together[0 * 4 + 1], 0U);
  EXPECT_EQ(together[0], 0U);
}

TEST(LoadTrace, ScoresAPlacement) {
  const auto trace = LoadTrace::parse(kHeader + kFirst + kSecond, "t").value();
  const RankList ranks{{RankId(0), RankId(1)}, {{}, {}}};
  PlanRequest request;
  request.expert_ranks = ranks.ranks;
  request.layers = 1;
  request.experts = 4;
  const auto contiguous = plan_placement("contiguous", request).value();  // 0 1 | 2 3
  const auto score = score_plan(contiguous, ranks, trace, trace.all(), 1);
  EXPECT_DOUBLE_EQ(score.imbalance, 3.0 / 2.5);
  EXPECT_DOUBLE_EQ(score.balancedness, 2.5 / 3.0);
  EXPECT_DOUBLE_EQ(score.ranks_per_token, 5.0 / 3.0);
  EXPECT_DOUBLE_EQ(score.activated, 2.0 / 3.0 + 1.0 / 3.0);  // one token: its mean number of pairs
}

TEST(LoadTrace, NamesThePlaceOfAMistake) {
  const auto message = [](const std::string& text) {
    const auto trace = LoadTrace::parse(text, "t.jsonl");
    return trace ? std::string() : trace.error().message;
  };
  EXPECT_THAT(message(""), HasSubstr("no selections"));
  EXPECT_THAT(message(kHeader + kLoads), HasSubstr("t.jsonl: no selections"));
  EXPECT_THAT(message(kFirst), HasSubstr("t.jsonl:1: not a trace"));
  EXPECT_THAT(message(kHeader + "{]\n"), HasSubstr("t.jsonl:2: not valid JSON at column 2"));
  EXPECT_THAT(message(kHeader + R"({"layers": []})"), HasSubstr("t.jsonl:2: layers: expected a"));
  EXPECT_THAT(message(kHeader + R"({"layers": [{"k": [1], "experts": [4]}]})"),
              HasSubstr("t.jsonl:2: layers[0]: experts[0]: expected a whole number below 4"));
  EXPECT_THAT(message(kHeader + R"({"layers": [{"k": [2], "experts": [1]}]})"),
              HasSubstr("k adds up to more"));
  EXPECT_THAT(message(kHeader + R"({"layers": [{"k": [1], "experts": [1, 2]}]})"),
              HasSubstr("k adds up to 1, but 2"));
  EXPECT_THAT(message(kHeader + R"({"layers": [{"k": [2], "experts": [1, 1]}]})"),
              HasSubstr("chose expert 1 twice"));
  EXPECT_THAT(message(kHeader + kFirst + kLoads + kSecond), HasSubstr("t.jsonl:4: a line after"));
}

}  // namespace
}  // namespace switchyard::placement

#include "runtime/placement/plan_file.h"

#include <gmock/gmock.h>

#include <cstdio>
#include <fstream>

#include "runtime/placement/planner_table.h"

namespace switchyard::placement {
namespace {

using ::testing::HasSubstr;

PlanFile small_plan() {
  PlanFile plan;
  plan.planner = "balanced";
  plan.ranks.ranks = {RankId(1), RankId(4)};
  plan.ranks.traits = {{.slots = 2, .speed = 1.5, .host = "a"},
                       {.slots = 2, .zone = "z", .region = "r"}};
  PlanRequest request;
  request.expert_ranks = plan.ranks.ranks;
  request.layers = 2;
  request.experts = 3;
  plan.placement = plan_placement("contiguous", request).value();
  return plan;
}

// A file that is removed again.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text)
      : path_(::testing::TempDir() + "plan_file_test.json") {
    std::ofstream(path_) << text;
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(PlanFile, ComesBackAsItWas) {
  const std::string text = plan_to_json(small_plan());
  const auto read = parse_plan(text, "p").value();
  EXPECT_EQ(plan_to_json(read), text);
  EXPECT_EQ(read.ranks.traits[0].speed, 1.5);
  EXPECT_EQ(read.ranks.traits[1].region, "r");
  EXPECT_EQ(parse_rank_list(text, "p").value().ranks.size(), 2U);
}

TEST(PlanFile, RanksAloneTakeDefaults) {
  const auto list =
      parse_rank_list(R"({"ranks": [{"rank": 3}, {"rank": 0, "alive": false}]})", "r");
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(list->ranks[0], RankId(3));
  EXPECT_EQ(list->traits[0].slots, 0U);
  EXPECT_FALSE(list->traits[1].alive);
}

TEST(PlanFile, NamesThePlaceOfAMistake) {
  const auto message = [](std::string what, const std::string& with) {
    std::string text = plan_to_json(small_plan());
    const auto at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what << " in " << text;
    text.replace(at, what.size(), with);
    const auto plan = parse_plan(text, "plan.json");
    return plan ? std::string() : plan.error().message;
  };
  EXPECT_THAT(message("switchyard-plan", "other"), HasSubstr("plan.json: not a plan"));
  EXPECT_THAT(message("\"version\":1", "\"version\":2"), HasSubstr("version: expected 1"));
  EXPECT_THAT(message("\"planner\"", "\"planer\""), HasSubstr("unknown key 'planer'"));
  EXPECT_THAT(message("\"speed\":1.5", "\"speed\":\"x\""), HasSubstr("ranks[0]: speed"));
  EXPECT_THAT(message("\"rank\":4", "\"rank\":1"), HasSubstr("ranks[1]: rank 1 is listed twice"));
  EXPECT_THAT(message("[[1,0]]", "[[9,0]]"), HasSubstr("placement[0][0]: rank 9 is not among"));
  EXPECT_THAT(message("[[1,0]]", "[[1]]"), HasSubstr("placement[0][0]: expected a list of [rank"));
  EXPECT_THAT(message("[[1,0]]", "[]"), HasSubstr("layer 0 expert 0 is on no rank"));
  EXPECT_THAT(message("[[1,0]]", "[[1,1]]"), HasSubstr("slot 1 of rank 1 is taken"));
  EXPECT_THAT(message("}\n", "\n"), HasSubstr("plan.json: not valid JSON at its end"));
  EXPECT_THAT(message("\"slots\":2", "\n\"slots\" 2"),
              HasSubstr("plan.json: not valid JSON at line 2, column 9"));
}

TEST(PlanFile, IsAPlacementByName) {
  const TemporaryFile file(plan_to_json(small_plan()));
  PlanRequest request;
  request.expert_ranks = {RankId(4), RankId(1), RankId(2)};
  request.layers = 2;
  request.experts = 3;
  const auto plan = plan_placement("file:" + file.path(), request).value();
  EXPECT_EQ(plan.replicas(1, ExpertId(2)).front().rank, RankId(4));
  request.expert_ranks = {RankId(1), RankId(2)};
  EXPECT_THAT(plan_placement("file:" + file.path(), request).error().message,
              HasSubstr("layer 0 expert 2 is on rank 4, which is no expert rank"));
  request.experts = 4;
  EXPECT_THAT(plan_placement("file:" + file.path(), request).error().message,
              HasSubstr("2 layers of 3 experts, the model has 2 of 4"));
  const auto missing = plan_placement("file:/nowhere/plan.json", request);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace switchyard::placement

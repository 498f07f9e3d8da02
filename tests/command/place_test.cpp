// `place`: from a trace to a plan that other commands run with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

const Arguments kPrompt = {"--preset",     "demo", "--prompt", "The captain said that the sea",
                           "--max-tokens", "12"};

Arguments with(Arguments arguments, const Arguments& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// A trace of a short continuation, and its path.
std::string record(const ScratchFolder& scratch) {
  const std::string path = scratch.path("loads.jsonl");
  const auto traced = run_alone(with(with({"trace"}, kPrompt), {"--out", path}));
  EXPECT_EQ(traced.exit_code, 0) << traced.err;
  return path;
}

TEST(Place, PlansFromATraceAndThePlanChangesNoToken) {
  const ScratchFolder scratch;
  const auto trace = record(scratch);
  const auto plan = scratch.path("plan.json");
  const auto placed =
      run_alone({"place", trace, "--ranks", "3", "--slots", "7", "--out", plan, "--json"});
  ASSERT_EQ(placed.exit_code, 0) << placed.err;
  const auto report = placed.json();
  EXPECT_LE(report.at("after").at("imbalance"), report.at("before").at("imbalance"));
  EXPECT_EQ(report.at("after").at("layers").size(), 5U);
  EXPECT_EQ(report.at("copies"), 5 * 3 * 7);
  const auto plain = run_alone(with(with({"generate"}, kPrompt), {"--json"})).json();
  const auto planned =
      run_alone(with(with({"generate"}, kPrompt),
                     {"--json", "--ranks", "3", "--colocate", "--placement", "file:" + plan}));
  ASSERT_EQ(planned.exit_code, 0) << planned.err;
  EXPECT_EQ(plain.at("sequences"), planned.json().at("sequences"));
}

TEST(Place, StartsFromAPreviousPlanAndMovesLittle) {
  const ScratchFolder scratch;
  const auto trace = record(scratch);
  const auto plan = scratch.path("plan.json");
  ASSERT_EQ(run_alone({"place", trace, "--ranks", "4", "--planner", "round-robin", "--out", plan})
                .exit_code,
            0);
  const Arguments again = {"place", trace, "--ranks-file", plan, "--previous", plan, "--json"};
  const auto free = run_alone(again).json();
  const auto dear = run_alone(with(again, {"--move-cost", "1e9"})).json();
  const auto few = run_alone(with(again, {"--moves-max", "2"})).json();
  EXPECT_EQ(dear.at("churn"), 0.0);
  EXPECT_EQ(dear.at("after").at("imbalance"), dear.at("before").at("imbalance"));
  EXPECT_LT(free.at("after").at("imbalance"), free.at("before").at("imbalance"));
  EXPECT_LE(few.at("churn").get<double>() * few.at("copies").get<double>(), 2.000001);
}

TEST(Place, SaysHowFarTheLoadsDriftBetweenItsWindows) {
  const ScratchFolder scratch;
  const auto path = scratch.path("two.jsonl");
  const auto traced =
      run_alone({"trace", "--preset", "demo", "--prompt", "The captain said", "--prompt",
                 "Money, he thought, was", "--max-tokens", "8", "--out", path});
  ASSERT_EQ(traced.exit_code, 0) << traced.err;
  const Arguments place{"place", path, "--ranks", "2", "--json"};
  EXPECT_TRUE(run_alone(place).json().at("drift").is_null());
  const auto held = run_alone(with(place, {"--holdout", "0.5"}));
  ASSERT_EQ(held.exit_code, 0) << held.err;
  EXPECT_GT(held.json().at("drift"), 0.05);  // other words, few tokens
  EXPECT_LT(held.json().at("drift"), 1.0);
}

TEST(Place, NamesWhatIsWrong) {
  const ScratchFolder scratch;
  const auto trace = record(scratch);
  const auto expect_error = [](const Arguments& arguments, int exit_code, const char* text) {
    const auto outcome = run_alone(arguments);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.command << "\n" << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(text)) << outcome.command;
  };
  expect_error({"place", trace}, 2, "--ranks-file");
  expect_error({"place", "/nowhere/loads.jsonl", "--ranks", "2"}, 4, "/nowhere/loads.jsonl");
  expect_error({"place", source_path("README.md"), "--ranks", "2"}, 4, "README.md:1");
  expect_error({"place", trace, "--ranks", "2", "--objective", "fun"}, 2, "tokens, activated");
  expect_error({"place", trace, "--ranks", "2", "--slots", "3"}, 3, "do not fit 6 slots");
  expect_error({"place", trace, "--ranks", "2", "--holdout", "0.5"}, 2, "held out");
  const auto ranks = scratch.write("ranks.json", R"({"ranks": [{"rank": 0, "sped": 2}]})");
  expect_error({"place", trace, "--ranks-file", ranks}, 4, "ranks[0]: unknown key 'sped'");
  const auto broken = scratch.write("broken.json", "{\"ranks\":\n  [{\"rank\" 0}]}\n");
  expect_error({"place", trace, "--ranks-file", broken}, 4,
               "broken.json: not valid JSON at line 2, column 12");
  const auto plan = scratch.write("plan.json", R"({"format": "switchyard-plan", "version": 1})");
  // A plan goes to a cluster as it is: no flag may seem to have changed it, or to have written it.
  const Arguments apply = {"place", "--plan", plan, "--apply"};
  expect_error({"place", "--plan", plan}, 2, "--apply");
  expect_error(with(apply, {"--out", "x.json"}), 2, "as it is: --out is for");
  expect_error(with(apply, {"--ranks", "2"}), 2, "--ranks");
  expect_error(with(apply, {"--replicas", "1"}), 2, "--replicas");
  expect_error(with(apply, {"--together"}), 2, "--together");
  expect_error(apply, 4, "plan.json");
  expect_error(with(with({"generate"}, kPrompt), {"--placement", "file:" + plan}), 4, "plan.json");
  expect_error(with(with({"generate"}, kPrompt), {"--placement", "best"}), 3, "there are:");
}

}  // namespace
}  // namespace switchyard::tests

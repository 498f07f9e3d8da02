// What a run would refuse inspect refuses, in the same words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/command/run_command.h"
#include "tests/command/spoilt_model.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

std::pair<Outcome, Outcome> inspected_and_run(const Arguments& flags) {
  Arguments inspect{"inspect", "--preset", "demo"};
  Arguments generate{"generate", "--preset",     "demo", "--prompt",
                     "x",        "--max-tokens", "2",    "--quiet"};
  inspect.insert(inspect.end(), flags.begin(), flags.end());
  generate.insert(generate.end(), flags.begin(), flags.end());
  return {run_alone(inspect), run_alone(generate)};
}

TEST(Inspect, RefusesWhatARunRefusesInTheSameWords) {
  const std::vector<std::pair<Arguments, std::string>> layouts{
      {{"--ranks", "4", "--routers", "4"}, "add --colocate"},
      {{"--ranks", "2", "--routers", "3"}, "cluster.routers (--routers) is 3"},
      {{"--replicas", "3"}, "cluster.replicas (--replicas) is 3"},
      {{"--ranks", "3", "--replicas", "3"}, "cluster.replicas (--replicas) is 3"},
      {{"--placement", "nowhere"}, "nowhere"}};
  for (const auto& [flags, text] : layouts) {
    const auto [inspected, run] = inspected_and_run(flags);
    EXPECT_NE(run.exit_code, 0) << run.command;
    EXPECT_EQ(inspected.exit_code, run.exit_code) << inspected.command;
    EXPECT_EQ(inspected.err, run.err) << inspected.command;
    EXPECT_THAT(inspected.err, HasSubstr(text)) << inspected.command;
    EXPECT_EQ(inspected.out, "") << inspected.command;
  }
}

TEST(Inspect, ShowsWhatARunDoes) {
  const auto inspected = run_alone({"inspect", "--preset", "demo", "--ranks", "4", "--routers", "2",
                                    "--replicas", "2", "--json"});
  const auto run =
      run_alone({"generate", "--preset", "demo", "--prompt", "x", "--max-tokens", "2", "--quiet",
                 "--ranks", "4", "--routers", "2", "--replicas", "2", "--json"});
  ASSERT_EQ(inspected.exit_code, 0) << inspected.err;
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto seen = inspected.json()["ranks"];
  const auto ranks = run.json()["report"]["ranks"];
  ASSERT_EQ(seen.size(), ranks.size());
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    EXPECT_EQ(seen[r]["experts"], ranks[r]["experts_held"]) << r;
    EXPECT_EQ(seen[r]["kv_bytes"], ranks[r]["kv_bytes"]) << r;
    EXPECT_EQ(seen[r]["role"] == "router", ranks[r]["router"] == true) << r;
  }
}

void expect_problems(const std::string& model, const std::vector<std::string>& texts) {
  const auto outcome = run_alone({"inspect", "--model", model});
  EXPECT_EQ(outcome.exit_code, 4) << outcome.command << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr(std::to_string(texts.size()) + " problem(s)"));
  for (const auto& text : texts) EXPECT_THAT(outcome.out, HasSubstr(text));
}

TEST(Inspect, NamesEveryFaultOfADirectory) {
  const ScratchFolder scratch;
  const auto model = model_copy(scratch, "tests/golden/tiny-mixtral");
  std::filesystem::remove(model + "/model-00002-of-00002.safetensors");
  expect_problems(model, {"model-00002-of-00002.safetensors"});
  static_cast<void>(scratch.write("model/generation_config.json", "{\"a\":"));
  expect_problems(model, {"generation_config.json: not valid JSON at its end",
                          "model-00002-of-00002.safetensors"});
  static_cast<void>(scratch.write("model/tokenizer.json", "{\"a\":"));
  static_cast<void>(scratch.write("model/config.json", "{\n]"));
  expect_problems(
      model, {"/config.json: not valid JSON at line 2, column 1",
              "generation_config.json: not valid JSON at its end",
              "model-00002-of-00002.safetensors", "tokenizer.json: not valid JSON at its end"});
  const auto json = run_alone({"inspect", "--model", model, "--json"});
  EXPECT_EQ(json.exit_code, 4);
  EXPECT_EQ(json.json()["problems"].size(), 4U) << json.out;
}

TEST(Inspect, ABrokenTokenizerIsAProblemAndNoneIsNot) {
  const ScratchFolder scratch;
  const auto model = model_copy(scratch);
  static_cast<void>(scratch.write("model/tokenizer.json", "{\"a\":"));
  expect_problems(model, {"tokenizer.json: not valid JSON at its end"});
  std::filesystem::remove(model + "/tokenizer.json");
  const auto inspected = run_alone({"inspect", "--model", model});
  EXPECT_EQ(inspected.exit_code, 0) << inspected.err;
  EXPECT_THAT(inspected.out, HasSubstr("No tokenizer.json: for text it is needed"));
  const auto prompts = scratch.write("prompts.jsonl", R"({"tokens": [1, 2, 3]})");
  const auto run = run_alone(
      {"generate", "--model", model, "--prompts", prompts, "--max-tokens", "2", "--quiet"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

TEST(Inspect, FindsValuesThatARunRefusesWhereItIsAskedTo) {
  const ScratchFolder scratch;
  const auto model = model_copy(scratch);
  const auto sound = run_alone({"inspect", "--model", model, "--values"});
  EXPECT_EQ(sound.exit_code, 0) << sound.err;
  EXPECT_THAT(sound.out, HasSubstr("All values are finite ("));
  spoil_tensor(scratch, "model.layers.2.mlp.experts.3.up_proj.weight", 2, 1, "\xc1\x7f");
  spoil_tensor(scratch, "model.layers.0.input_layernorm.weight", 5, 9, "\x80\xff");
  const auto headers = run_alone({"inspect", "--model", model});
  EXPECT_EQ(headers.exit_code, 0) << headers.err;
  EXPECT_THAT(headers.out, HasSubstr("Headers only were read"));
  const auto values = run_alone({"inspect", "--model", model, "--values"});
  EXPECT_EQ(values.exit_code, 4) << values.err;
  EXPECT_THAT(values.out, HasSubstr("2 problem(s)"));
  EXPECT_THAT(values.out, HasSubstr("tensor \"model.layers.2.mlp.experts.3.up_proj.weight\": "
                                    "weight [0, 2] is not finite"));
  EXPECT_THAT(values.out, HasSubstr("tensor \"model.layers.0.input_layernorm.weight\": weight "
                                    "[0, 5] is not finite"));
}

}  // namespace
}  // namespace switchyard::tests

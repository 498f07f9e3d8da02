// Bad input over processes: the documented exit code, an error that names the place, and no rank
// left behind, for any number of ranks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "tests/command/run_command.h"
#include "tests/command/spoilt_model.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

// Whether some process has `text` among its arguments.
bool somebody_runs_with(const std::string& text) {
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    if (!std::filesystem::is_directory(entry.path(), gone)) continue;
    if (read_file(entry.path() / "cmdline").find(text) != std::string::npos) return true;
  }
  return false;
}

// mpirun may be gone an instant before the ranks that it has killed.
bool all_end(const std::string& text) {
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (somebody_runs_with(text)) {
    if (std::chrono::steady_clock::now() > patience) return false;
    std::this_thread::yield();
  }
  return true;
}

class BadInputOverMpi : public ::testing::TestWithParam<int> {
 protected:
  // The scratch folder's name marks the processes of this test.
  void expect_error(const Arguments& arguments, int exit_code, const std::string& text) {
    const auto outcome = run_under_mpi(GetParam(), arguments);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.command << "\n" << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("switchyard: error: ")) << outcome.command;
    EXPECT_THAT(outcome.err, HasSubstr(text)) << outcome.command;
    EXPECT_EQ(outcome.out, "") << outcome.command;
    EXPECT_TRUE(all_end(scratch_.path(""))) << outcome.command;
  }

  std::string prompts(const std::string& lines) const {
    return scratch_.write("prompts.jsonl", lines);
  }
  std::string fine_prompts() const { return prompts("{\"prompt\": \"The captain\"}\n"); }

  ScratchFolder scratch_;
};

TEST_P(BadInputOverMpi, MissingModelNamesThePath) {
  const auto model = scratch_.path("nowhere");
  expect_error({"generate", "--model", model, "--prompts", fine_prompts()}, 4, model);
}

TEST_P(BadInputOverMpi, TruncatedWeightsNameTheFile) {
  const auto model = model_copy(scratch_);
  std::filesystem::resize_file(model + "/model.safetensors", 100'000);
  expect_error({"generate", "--model", model, "--prompts", fine_prompts()}, 4, "model.safetensors");
}

// Experts lie contiguously: only the last rank reads the last expert.
TEST_P(BadInputOverMpi, NonFiniteWeightOfTheLastRanksExpertIsFound) {
  const auto model = model_copy(scratch_);
  const auto config = nlohmann::json::parse(read_file(model + "/config.json"));
  const auto layer = config["num_hidden_layers"].get<int>() - 1;
  const auto expert = config["num_experts"].get<int>() - 1;
  spoil_tensor(scratch_,
               "model.layers." + std::to_string(layer) + ".mlp.experts." + std::to_string(expert) +
                   ".down_proj.weight",
               0, 1, "\xc1\x7f");
  expect_error({"generate", "--model", model, "--prompts", fine_prompts()}, 4, "not finite");
}

TEST_P(BadInputOverMpi, BadRoutingSpecListsWhatThereIs) {
  expect_error(
      {"generate", "--preset", "demo", "--prompts", fine_prompts(), "--routing", "magic:k=1"}, 2,
      "top-p");
}

TEST_P(BadInputOverMpi, BadYamlNamesFileAndLine) {
  const auto file = scratch_.write("bad.yaml", "device:\n  threds: 2\n");
  expect_error({"generate", "--config", file, "--prompts", fine_prompts()}, 3, "bad.yaml:2");
}

TEST_P(BadInputOverMpi, PromptPastTheContextIsRefusedByLine) {
  std::string words;
  for (int i = 0; i < 600; ++i) words += " captain";
  const auto file =
      prompts("{\"prompt\": \"fine\"}\n" + nlohmann::json{{"prompt", words}}.dump() + "\n");
  expect_error({"generate", "--preset", "demo", "--prompts", file}, 4, "prompts.jsonl:2");
}

TEST_P(BadInputOverMpi, InvalidUtf8InAPromptIsRefusedByLine) {
  const auto file = prompts("{\"prompt\": \"\xff\xfe\"}\n");
  expect_error({"generate", "--preset", "demo", "--prompts", file}, 4, "prompts.jsonl:1");
}

INSTANTIATE_TEST_SUITE_P(Ranks, BadInputOverMpi, ::testing::Values(1, 2, 4));

}  // namespace
}  // namespace switchyard::tests

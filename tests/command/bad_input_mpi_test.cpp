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
    expect_error(run_under_mpi(GetParam(), arguments), exit_code, text);
  }
  void expect_error(const Outcome& outcome, int exit_code, const std::string& text) {
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
  Arguments generate(const std::string& model) const {
    return {"generate", "--model", model, "--prompts", fine_prompts()};
  }

  ScratchFolder scratch_;
};

TEST_P(BadInputOverMpi, MissingModelNamesThePath) {
  const auto model = scratch_.path("nowhere");
  expect_error(generate(model), 4, model);
}

TEST_P(BadInputOverMpi, TruncatedWeightsNameTheFile) {
  const auto model = model_copy(scratch_);
  std::filesystem::resize_file(model + "/model.safetensors", 100'000);
  expect_error(generate(model), 4, "model.safetensors");
}

TEST_P(BadInputOverMpi, OverlappingTensorsNameFileAndTensor) {
  const auto model = model_copy(scratch_);
  std::string second;
  edit_header(scratch_, [&](nlohmann::json& header) {
    for (auto& [name, tensor] : header.items()) {
      if (name == "__metadata__" || tensor["data_offsets"][0] == 0) continue;
      second = name;
      break;
    }
    for (auto& offset : header[second]["data_offsets"]) offset = offset.get<std::size_t>() - 2;
  });
  expect_error(generate(model), 4, "model.safetensors: tensor \"" + second + "\": begins at");
}

TEST_P(BadInputOverMpi, AMissingShardIsNamed) {
  const auto model = model_copy(scratch_, "tests/golden/tiny-mixtral");
  std::filesystem::remove(model + "/model-00002-of-00002.safetensors");
  expect_error(generate(model), 4, "model-00002-of-00002.safetensors");
}

TEST_P(BadInputOverMpi, AWrongDtypeNamesFileAndTensor) {
  const auto model = model_copy(scratch_);
  edit_header(scratch_, [](nlohmann::json& header) {
    header["model.norm.weight"]["dtype"] = "I16";  // as many bytes as BF16
  });
  expect_error(generate(model), 7, "model.safetensors: tensor \"model.norm.weight\": dtype I16");
}

TEST_P(BadInputOverMpi, ATruncatedConfigIsNamed) {
  const auto model = model_copy(scratch_);
  std::filesystem::resize_file(model + "/config.json", 200);
  expect_error(generate(model), 4, "config.json");
}

TEST_P(BadInputOverMpi, AMissingConfigKeyIsNamed) {
  const auto model = model_copy(scratch_);
  auto config = nlohmann::json::parse(read_file(model + "/config.json"));
  config.erase("num_experts");
  static_cast<void>(scratch_.write("model/config.json", config.dump()));
  expect_error(generate(model), 4, "num_experts");
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
  expect_error(generate(model), 4, "not finite");
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

TEST_P(BadInputOverMpi, YamlThatIsNoneNamesFileAndLine) {
  const std::vector<std::pair<std::string, std::string>> broken = {
      {"device:\n  threads: 2\n threads: 3\n", ":3: not YAML"},
      {"device: {threads: 2\n", ":2: not YAML"}};
  for (const auto& [text, place] : broken) {
    const auto file = scratch_.write("broken.yaml", text);
    expect_error({"generate", "--config", file, "--prompts", fine_prompts()}, 3, file + place);
  }
}

// On one host all ranks see the same files; on several, one may lack what the others have.
TEST_P(BadInputOverMpi, WhatOneRankLacksEndsAll) {
  const auto model = model_copy(scratch_);
  const auto nowhere = scratch_.path("nowhere");
  std::vector<Arguments> ranks(static_cast<std::size_t>(GetParam()), generate(model));
  ranks.back() = generate(nowhere);
  expect_error(run_under_mpi_each(ranks), 4, nowhere);
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

// Ranks that were given different models do not start together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/command/run_command.h"
#include "tests/command/spoilt_model.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

// Rank 0 of the shipped model, rank 1 of `other`.
Outcome run_pair(const std::string& other) {
  const auto rank = [](const std::string& model) {
    return " -n 1 " + quoted(binary_path()) + " generate --model " + quoted(model) +
           " --prompt 'The captain' --max-tokens 4 --quiet";
  };
  return run_shell("OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 timeout -k 10 120 " +
                   quoted(mpirun_path()) + " --oversubscribe" +
                   rank(source_path("configs/models/tiny-qwen3moe")) + " :" + rank(other) +
                   " </dev/null");
}

class UnequalRanks : public ::testing::Test {
 protected:
  void change_config(const std::string& key, const nlohmann::json& value) {
    auto config = nlohmann::json::parse(read_file(model_ + "/config.json"));
    ASSERT_TRUE(config.contains(key));
    config[key] = value;
    static_cast<void>(scratch_.write("model/config.json", config.dump()));
  }
  void expect_refused() {
    const auto outcome = run_pair(model_);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.command << "\n" << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("rank 1 was started with other options or another model"));
    EXPECT_EQ(outcome.out, "");
  }
  ScratchFolder scratch_;
  std::string model_ = model_copy(scratch_);
};

TEST_F(UnequalRanks, ACopyIsTheSameModel) {
  const auto outcome = run_pair(model_);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("The captain"));
}

TEST_F(UnequalRanks, AnotherConfigurationOfTheSameSizesIsRefused) {
  change_config("norm_topk_prob", false);
  expect_refused();
}

TEST_F(UnequalRanks, OtherExpertsPerTokenAreRefused) {
  change_config("num_experts_per_tok", 3);
  expect_refused();
}

TEST_F(UnequalRanks, OtherWeightsOfTheSameHeaderAreRefused) {
  const auto config = nlohmann::json::parse(read_file(model_ + "/config.json"));
  spoil_tensor(scratch_, "model.norm.weight", 0, config["hidden_size"], std::string("\x00\x3f", 2));
  expect_refused();
}

}  // namespace
}  // namespace switchyard::tests

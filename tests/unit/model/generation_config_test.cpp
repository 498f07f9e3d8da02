#include "runtime/model/generation_config.h"

#include <gmock/gmock.h>

#include "runtime/model/checkpoint/checkpoint.h"
#include "tests/unit/model/checkpoint_fixture.h"

namespace switchyard::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(GenerationConfig, ReadsTheEndTokens) {
  const auto config = parse_generation_config(R"({"eos_token_id": [5, 6]})", "p");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->eos_tokens, ElementsAre(5, 6));
  EXPECT_THAT(parse_generation_config(R"({"eos_token_id": 7})", "p")->eos_tokens, ElementsAre(7));
}

// Sampling is the user's: whatever a checkpoint says of it is no reason to refuse the model.
TEST(GenerationConfig, LeavesSamplingAlone) {
  const auto config = parse_generation_config(
      R"({"do_sample": 1, "temperature": -1, "top_k": -1, "top_p": 2, "eos_token_id": 3})", "p");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->eos_tokens, ElementsAre(3));
}

TEST(GenerationConfig, HasNoEndTokensWhereThereIsNoFile) {
  const test::TempDirectory directory;
  const auto config = read_generation_config(directory.path());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->eos_tokens.empty());
}

TEST(GenerationConfig, NamesTheBadKey) {
  const auto config =
      parse_generation_config(R"({"eos_token_id": [1, null]})", "dir/generation_config.json");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, ErrorCode::kBadInput);
  EXPECT_THAT(config.error().message, HasSubstr("generation_config.json: eos_token_id"));
}

TEST(GenerationConfig, AddsItsEndTokensToTheModels) {
  const test::TempDirectory directory;
  auto config = test::qwen3_config();
  config["eos_token_id"] = {9, 4};
  test::write_file(directory.file("config.json"), config.dump());
  EXPECT_THAT(read_model_config(directory.path())->eos_tokens, ElementsAre(4, 9));
  const std::string path = directory.file("generation_config.json");
  test::write_file(path, R"({"eos_token_id": [9, 2]})");
  EXPECT_THAT(read_model_config(directory.path())->eos_tokens, ElementsAre(2, 4, 9));
  test::write_file(path, R"({"eos_token_id": 10})");  // vocabulary is 10
  EXPECT_EQ(read_model_config(directory.path()).error().code, ErrorCode::kBadInput);
  test::write_file(path, "{");
  EXPECT_THAT(read_model_config(directory.path()).error().message, HasSubstr(path));
}

}  // namespace
}  // namespace switchyard::model

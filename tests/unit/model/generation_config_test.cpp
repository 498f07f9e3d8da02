#include "runtime/model/generation_config.h"

#include <gmock/gmock.h>

#include "runtime/model/checkpoint/checkpoint.h"
#include "tests/unit/model/checkpoint_fixture.h"

namespace switchyard::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(GenerationConfig, ReadsSamplingAndEndTokens) {
  const auto config = parse_generation_config(
      R"({"eos_token_id": [5, 6], "do_sample": true, "temperature": 0.5, "top_k": 20, "top_p": 0.75})",
      "p");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->eos_tokens, ElementsAre(5, 6));
  EXPECT_TRUE(config->sample);
  EXPECT_EQ(config->temperature, 0.5F);
  EXPECT_EQ(config->top_k, 20U);
  EXPECT_EQ(config->top_p, 0.75F);
  EXPECT_THAT(parse_generation_config(R"({"eos_token_id": 7})", "p")->eos_tokens, ElementsAre(7));
}

TEST(GenerationConfig, DefaultsToGreedyWhereNothingIsSaid) {
  const test::TempDirectory directory;
  const auto config = read_generation_config(directory.path());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->eos_tokens.empty());
  EXPECT_FALSE(config->sample);
  EXPECT_EQ(config->temperature, 1.0F);
  EXPECT_EQ(config->top_k, 0U);
  EXPECT_EQ(config->top_p, 1.0F);
}

TEST(GenerationConfig, NamesTheBadKey) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"temperature": -1})", "temperature"},
      {R"({"temperature": "x"})", "temperature"},
      {R"({"top_p": 0})", "top_p"},
      {R"({"top_p": 1.5})", "top_p"},
      {R"({"top_k": -1})", "top_k"},
      {R"({"do_sample": 1})", "do_sample"},
      {R"({"eos_token_id": [1, null]})", "eos_token_id"}};
  for (const auto& [text, key] : cases) {
    const auto config = parse_generation_config(text, "dir/generation_config.json");
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().code, ErrorCode::kBadInput) << text;
    EXPECT_THAT(config.error().message, HasSubstr(std::string("generation_config.json: ") + key));
  }
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

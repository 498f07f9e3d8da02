#include "runtime/model/model_config.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "runtime/model/families/family.h"
#include "tests/unit/model/checkpoint_fixture.h"

namespace switchyard::model {
namespace {

ModelConfig good() { return parse_model_config(test::qwen3_config().dump(), "test").value(); }

void expect_refused(const ModelConfig& config, const char* key) {
  const auto outcome = config.validate();
  ASSERT_FALSE(outcome) << key;
  EXPECT_EQ(outcome.error().code, ErrorCode::kBadInput);
  EXPECT_THAT(outcome.error().message, ::testing::StartsWith(std::string(key) + ":"));
}

TEST(ModelConfig, ValidatesAGoodOne) { EXPECT_TRUE(good().validate()); }

TEST(ModelConfig, NamesTheKeyThatIsWrong) {
  const auto with = [](auto change) {
    ModelConfig config = good();
    change(config);
    return config;
  };
  constexpr std::size_t kHuge = std::numeric_limits<std::size_t>::max();
  expect_refused(ModelConfig{}, "vocab_size");
  expect_refused(with([](auto& c) { c.vocab = kHuge; }), "vocab_size");
  expect_refused(with([](auto& c) { c.hidden = kHuge; }), "hidden_size");
  expect_refused(with([](auto& c) { c.layers = 3; }), "num_hidden_layers");
  expect_refused(with([](auto& c) { c.kv_heads = 4; }), "num_key_value_heads");
  expect_refused(with([](auto& c) { c.head_size = 5; }), "head_dim");
  expect_refused(with([](auto& c) { c.context_max = 0; }), "max_position_embeddings");
  expect_refused(with([](auto& c) { c.rope_theta = -1; }), "rope_theta");
  expect_refused(with([](auto& c) { c.norm_eps = NAN; }), "rms_norm_eps");
  expect_refused(with([](auto& c) { c.clip_qkv = INFINITY; }), "clip_qkv");
  expect_refused(with([](auto& c) { c.experts = 0; }), "num_experts");
  expect_refused(with([](auto& c) { c.experts = kHuge; }), "num_experts");
  expect_refused(with([](auto& c) { c.experts_per_token = 4; }), "num_experts_per_tok");
  expect_refused(with([](auto& c) { c.expert_inner = kHuge; }), "moe_intermediate_size");
  expect_refused(with([](auto& c) { c.moe_layer[0] = false; }), "intermediate_size");
  expect_refused(with([](auto& c) { c.eos_tokens = {10}; }), "eos_token_id");
}

TEST(ModelConfig, RefusesProductsThatNoMachineHolds) {
  ModelConfig config = good();
  config.layers = 4096;
  config.moe_layer.assign(4096, true);
  config.experts = 65536;
  expect_refused(config, "num_experts");
  config.experts = 256;
  EXPECT_TRUE(config.validate());
  config.hidden = std::size_t{1} << 17;
  config.expert_inner = std::size_t{1} << 20;
  expect_refused(config, "num_experts");
}

}  // namespace
}  // namespace switchyard::model

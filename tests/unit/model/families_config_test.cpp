#include <gmock/gmock.h>

#include "runtime/model/families/family.h"
#include "tests/unit/model/checkpoint_fixture.h"

namespace switchyard::model {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<ModelConfig> parse(const json& config) {
  return parse_model_config(config.dump(), "dir/config.json");
}

// `config` with a JSON merge patch applied: null removes a key.
json patched(json config, const char* patch) {
  config.merge_patch(json::parse(patch));
  return config;
}

TEST(Families, ReadQwen3) {
  const auto config = parse(patched(test::qwen3_config(), R"({"head_dim": 6, "rope_theta": 1e6,
      "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "eos_token_id": [3, 9],
      "router_aux_loss_coef": 0.25})"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->family, "qwen3_moe");
  EXPECT_EQ(config->vocab, 10U);
  EXPECT_EQ(config->hidden, 8U);
  EXPECT_EQ(config->layers, 2U);
  EXPECT_EQ(config->heads, 2U);
  EXPECT_EQ(config->kv_heads, 1U);
  EXPECT_EQ(config->head_size, 6U);
  EXPECT_EQ(config->context_max, 64U);
  EXPECT_EQ(config->rope_theta, 1e6F);
  EXPECT_EQ(config->norm_eps, 1e-5F);
  EXPECT_TRUE(config->tied_embeddings);
  EXPECT_EQ(config->qk_norm, kernels::QkNorm::kPerHead);
  EXPECT_EQ(config->clip_qkv, 0);
  EXPECT_EQ(config->experts, 3U);
  EXPECT_EQ(config->experts_per_token, 2U);
  EXPECT_EQ(config->expert_inner, 6U);
  EXPECT_TRUE(config->norm_topk_prob);
  EXPECT_EQ(config->dense_inner, 0U);
  EXPECT_THAT(config->moe_layer, ElementsAre(true, true));
  EXPECT_THAT(config->eos_tokens, ElementsAre(3, 9));
  EXPECT_EQ(config->aux_loss_coef, 0.25F);
}

TEST(Families, HaveTheirOwnDefaults) {
  const auto qwen3 = parse(patched(test::qwen3_config(), R"({"norm_topk_prob": null})"));
  EXPECT_EQ(qwen3->norm_eps, 1e-6F);
  EXPECT_EQ(qwen3->rope_theta, 1e4F);
  EXPECT_EQ(qwen3->head_size, 4U);  // hidden / heads
  EXPECT_FALSE(qwen3->norm_topk_prob);
  EXPECT_FALSE(qwen3->tied_embeddings);
  EXPECT_TRUE(qwen3->eos_tokens.empty());
  const auto mixtral = parse(test::mixtral_config());
  EXPECT_EQ(mixtral->norm_eps, 1e-5F);
  EXPECT_EQ(mixtral->rope_theta, 1e6F);
  EXPECT_TRUE(mixtral->norm_topk_prob);
  EXPECT_EQ(mixtral->qk_norm, kernels::QkNorm::kNone);
  const auto olmoe = parse(patched(test::olmoe_config(), R"({"num_key_value_heads": null})"));
  EXPECT_EQ(olmoe->norm_eps, 1e-5F);
  EXPECT_EQ(olmoe->rope_theta, 1e4F);
  EXPECT_FALSE(olmoe->norm_topk_prob);
  EXPECT_EQ(olmoe->qk_norm, kernels::QkNorm::kWholeRow);
  EXPECT_EQ(olmoe->kv_heads, 2U);  // = heads
}

TEST(Families, MarkTheSparseLayersOfQwen3) {
  const auto config = parse(patched(test::qwen3_config(), R"({"num_hidden_layers": 6,
      "decoder_sparse_step": 2, "mlp_only_layers": [3], "intermediate_size": 20})"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_THAT(config->moe_layer, ElementsAre(false, true, false, false, false, true));
  EXPECT_EQ(config->moe_layer_count(), 2U);
  EXPECT_EQ(config->dense_inner, 20U);
}

TEST(Families, ReadOlmoesClip) {
  EXPECT_EQ(parse(patched(test::olmoe_config(), R"({"clip_qkv": 7.5})"))->clip_qkv, 7.5F);
}

TEST(Families, AcceptBothGenerationsOfKeys) {
  for (const char* patch :
       {R"({"torch_dtype": null, "dtype": "float32"})", R"({"torch_dtype": "float16"})",
        R"({"rope_parameters": {"rope_type": "default", "rope_theta": 5000.0}})",
        R"({"rope_theta": 5000, "rope_parameters": {"rope_theta": 5000}})",
        R"({"rope_theta": 5000, "rope_scaling": {"type": "default"}})"}) {
    const auto config = parse(patched(test::mixtral_config(), patch));
    ASSERT_TRUE(config) << patch << ": " << config.error().message;
    EXPECT_EQ(config->rope_theta,
              std::string(patch).find("5000") == std::string::npos ? 1e6F : 5e3F);
  }
}

TEST(Families, AcceptAWindowThatCutsNothing) {
  EXPECT_TRUE(parse(patched(test::mixtral_config(), R"({"sliding_window": 64})")));
  EXPECT_TRUE(parse(patched(test::qwen3_config(), R"({"sliding_window": 8})")));  // off by default
  EXPECT_TRUE(parse(
      patched(test::qwen3_config(), R"({"sliding_window": 8, "use_sliding_window": false})")));
}

TEST(Families, AreFoundByArchitectureToo) {
  EXPECT_EQ(parse(patched(test::olmoe_config(), R"({"model_type": null})"))->family, "olmoe");
  EXPECT_EQ(parse(patched(test::olmoe_config(), R"({"architectures": null})"))->family, "olmoe");
}

TEST(Families, AreListedForAnUnknownModel) {
  for (const char* patch :
       {R"({"model_type": "llama"})", R"({"architectures": ["Qwen3MoeForSequenceClassification"]})",
        R"({"model_type": null, "architectures": ["LlamaForCausalLM"]})"}) {
    const auto config = parse(patched(test::qwen3_config(), patch));
    ASSERT_FALSE(config) << patch;
    EXPECT_EQ(config.error().code, ErrorCode::kUnsupported);
    for (const char* name : {"config.json", "qwen3_moe", "mixtral", "olmoe"}) {
      EXPECT_THAT(config.error().message, HasSubstr(name));
    }
  }
}

struct BadConfig {
  const char* patch;
  ErrorCode code;
  const char* key;
};

void PrintTo(const BadConfig& bad, std::ostream* out) { *out << bad.patch; }

class BadConfigs : public ::testing::TestWithParam<BadConfig> {
 protected:
  static void expect_refused(const json& base) {
    const auto config = parse(patched(base, GetParam().patch));
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code, GetParam().code) << config.error().message;
    EXPECT_THAT(config.error().message, HasSubstr("dir/config.json"));
    EXPECT_THAT(config.error().message, HasSubstr(GetParam().key));
  }
};

TEST_P(BadConfigs, AreRefusedByKey) {
  expect_refused(test::qwen3_config());
  expect_refused(test::olmoe_config());
  expect_refused(test::mixtral_config());
}

constexpr auto kBad = ErrorCode::kBadInput;
constexpr auto kUnsupported = ErrorCode::kUnsupported;
INSTANTIATE_TEST_SUITE_P(
    Families, BadConfigs,
    ::testing::Values(
        BadConfig{R"({"vocab_size": null})", kBad, "vocab_size"},
        BadConfig{R"({"hidden_size": null})", kBad, "hidden_size"},
        BadConfig{R"({"num_hidden_layers": null})", kBad, "num_hidden_layers"},
        BadConfig{R"({"num_attention_heads": null})", kBad, "num_attention_heads"},
        BadConfig{R"({"max_position_embeddings": null})", kBad, "max_position_embeddings"},
        BadConfig{R"({"num_experts_per_tok": null})", kBad, "num_experts_per_tok"},
        BadConfig{R"({"hidden_size": "8"})", kBad, "hidden_size"},
        BadConfig{R"({"hidden_size": 8.0})", kBad, "hidden_size"},
        BadConfig{R"({"hidden_size": -8})", kBad, "hidden_size"},
        BadConfig{R"({"hidden_size": 0})", kBad, "hidden_size"},
        BadConfig{R"({"hidden_size": 18446744073709551615})", kBad, "head_dim"},
        BadConfig{R"({"hidden_size": 9})", kBad, "head_dim"},
        BadConfig{R"({"hidden_size": 18446744073709551614, "head_dim": 4})", kBad, "hidden_size"},
        BadConfig{R"({"num_hidden_layers": 0})", kBad, "num_hidden_layers"},
        BadConfig{R"({"num_hidden_layers": 5000})", kBad, "num_hidden_layers"},
        BadConfig{R"({"num_hidden_layers": 18446744073709551615})", kBad, "num_hidden_layers"},
        BadConfig{R"({"num_attention_heads": 0})", kBad, "head"},
        BadConfig{R"({"num_attention_heads": 4, "num_key_value_heads": 3})", kBad,
                  "num_key_value_heads"},
        BadConfig{R"({"num_key_value_heads": 0})", kBad, "num_key_value_heads"},
        BadConfig{R"({"head_dim": 3})", kBad, "head_dim"},
        BadConfig{R"({"num_experts_per_tok": 4})", kBad, "num_experts_per_tok"},
        BadConfig{R"({"num_experts_per_tok": 0})", kBad, "num_experts_per_tok"},
        BadConfig{R"({"rms_norm_eps": -1e-6})", kBad, "rms_norm_eps"},
        BadConfig{R"({"rms_norm_eps": "small"})", kBad, "rms_norm_eps"},
        BadConfig{R"({"rope_theta": 0})", kBad, "rope_theta"},
        BadConfig{R"({"rope_theta": 1e300})", kBad, "rope_theta"},
        BadConfig{R"({"tie_word_embeddings": 1})", kBad, "tie_word_embeddings"},
        BadConfig{R"({"eos_token_id": "2"})", kBad, "eos_token_id"},
        BadConfig{R"({"eos_token_id": 10})", kBad, "eos_token_id"},
        BadConfig{R"({"eos_token_id": 4294967296})", kBad, "eos_token_id"},
        BadConfig{R"({"model_type": null, "architectures": null})", kBad, "model_type"},
        BadConfig{R"({"model_type": 5})", kBad, "model_type"},
        BadConfig{R"({"architectures": "x"})", kBad, "architectures"},
        BadConfig{R"({"rope_parameters": []})", kBad, "rope_parameters"},
        BadConfig{R"({"rope_theta": 1, "rope_parameters": {"rope_theta": 2}})", kBad, "rope_theta"},
        BadConfig{R"({"hidden_act": "gelu"})", kUnsupported, "hidden_act"},
        BadConfig{R"({"attention_bias": true})", kUnsupported, "attention_bias"},
        BadConfig{R"({"torch_dtype": "float64"})", kUnsupported, "torch_dtype"},
        BadConfig{R"({"dtype": "int8"})", kUnsupported, "dtype"},
        BadConfig{R"({"quantization_config": {"quant_method": "fp8"}})", kUnsupported,
                  "quantization_config"},
        BadConfig{R"({"rope_scaling": {"rope_type": "yarn", "factor": 4}})", kUnsupported,
                  "rope_scaling.rope_type"},
        BadConfig{R"({"rope_scaling": {"type": "linear", "factor": 4}})", kUnsupported,
                  "rope_scaling.type"},
        BadConfig{R"({"rope_parameters": {"rope_type": "llama3"}})", kUnsupported,
                  "rope_parameters.rope_type"},
        BadConfig{R"({"partial_rotary_factor": 0.5})", kUnsupported, "partial_rotary_factor"},
        BadConfig{R"({"layer_types": ["full_attention", "sliding_attention"]})", kUnsupported,
                  "layer_types"},
        BadConfig{R"({"sliding_window": 32, "use_sliding_window": true})", kUnsupported,
                  "sliding_window"}));

TEST(Families, RefuseTheirOwnBadKeys) {
  const auto expect_refused = [](const json& base, const char* patch, const char* key,
                                 ErrorCode code = kBad) {
    const auto config = parse(patched(base, patch));
    ASSERT_FALSE(config) << patch;
    EXPECT_EQ(config.error().code, code) << config.error().message;
    EXPECT_THAT(config.error().message, HasSubstr(key));
  };
  expect_refused(test::qwen3_config(), R"({"num_experts": null})", "num_experts");
  expect_refused(test::qwen3_config(), R"({"num_experts": 99999999})", "num_experts");
  expect_refused(test::qwen3_config(), R"({"moe_intermediate_size": null})",
                 "moe_intermediate_size");
  expect_refused(test::qwen3_config(), R"({"num_key_value_heads": null})", "num_key_value_heads");
  expect_refused(test::qwen3_config(), R"({"decoder_sparse_step": 0})", "decoder_sparse_step");
  expect_refused(test::qwen3_config(), R"({"mlp_only_layers": [2]})", "mlp_only_layers");
  expect_refused(test::qwen3_config(), R"({"mlp_only_layers": [0]})", "intermediate_size");
  expect_refused(test::qwen3_config(), R"({"norm_topk_prob": 1})", "norm_topk_prob");
  expect_refused(test::mixtral_config(), R"({"num_local_experts": null})", "num_local_experts");
  expect_refused(test::mixtral_config(), R"({"intermediate_size": null})", "intermediate_size");
  expect_refused(test::mixtral_config(), R"({"sliding_window": 32})", "sliding_window",
                 kUnsupported);
  expect_refused(test::olmoe_config(), R"({"clip_qkv": -1})", "clip_qkv");
  expect_refused(test::olmoe_config(), R"({"clip_qkv": 0})", "clip_qkv");
}

}  // namespace
}  // namespace switchyard::model

#include "runtime/model/layout.h"

#include <gtest/gtest.h>

#include "runtime/model/families/family.h"
#include "tests/unit/model/checkpoint_fixture.h"

namespace switchyard::model {
namespace {

// The published shapes of three models.
ModelConfig olmoe_1b_7b() {
  auto json = test::olmoe_config();
  json.update({{"vocab_size", 50304},
               {"hidden_size", 2048},
               {"num_hidden_layers", 16},
               {"num_attention_heads", 16},
               {"num_key_value_heads", 16},
               {"num_experts", 64},
               {"num_experts_per_tok", 8},
               {"intermediate_size", 1024}});
  return parse_model_config(json.dump(), "test").value();
}

ModelConfig mixtral_8x7b() {
  auto json = test::mixtral_config();
  json.update({{"vocab_size", 32000},
               {"hidden_size", 4096},
               {"num_hidden_layers", 32},
               {"num_attention_heads", 32},
               {"num_key_value_heads", 8},
               {"num_local_experts", 8},
               {"num_experts_per_tok", 2},
               {"intermediate_size", 14336}});
  return parse_model_config(json.dump(), "test").value();
}

TEST(Layout, CountsTheParametersOfPublishedModels) {
  EXPECT_EQ(compute_layout(olmoe_1b_7b(), {}).parameters_total, 6'919'161'856U);
  const ModelLayout mixtral = compute_layout(mixtral_8x7b(), {});
  EXPECT_EQ(mixtral.parameters_total, 46'702'792'704U);
  EXPECT_EQ(mixtral.parameters_active, 12'879'925'248U);
  EXPECT_EQ(mixtral.parameters_per_expert, 3U * 4096 * 14336);
}

TEST(Layout, CountsBytesByPrecision) {
  const ModelConfig config = mixtral_8x7b();
  const ModelLayout bf16 =
      compute_layout(config, {.precision = kernels::Precision::kBf16, .experts_per_rank = 2});
  EXPECT_EQ(bf16.expert_bytes, 2U * 3 * 4096 * 14336);
  EXPECT_EQ(bf16.expert_rank_bytes, 32 * 2 * bf16.expert_bytes);
  EXPECT_EQ(bf16.kv_bytes_per_token, 2U * 2 * 32 * 8 * 128);
  const std::size_t attention = 32U * (2 * 4096 * 4096 + 2 * 1024 * 4096);
  const std::size_t fp32_part = 32U * 8 * 4096 + 65U * 4096;  // gates and norms
  EXPECT_EQ(bf16.router_bytes, 2 * attention + 4 * fp32_part + 2U * 2 * 32000 * 4096);
  const ModelLayout fp32 = compute_layout(config, {.precision = kernels::Precision::kFp32});
  EXPECT_EQ(fp32.expert_bytes, 2 * bf16.expert_bytes);
  EXPECT_EQ(fp32.kv_bytes_per_token, 2 * bf16.kv_bytes_per_token);
  EXPECT_EQ(fp32.expert_rank_bytes, 0U);
  EXPECT_EQ(fp32.router_bytes, 4 * attention + 4 * fp32_part + (2U + 4U) * 32000 * 4096);
}

TEST(Layout, CountsATiedEmbeddingOnceAsParametersAndTwiceInMemory) {
  ModelConfig config = olmoe_1b_7b();
  const ModelLayout untied = compute_layout(config, {});
  config.tied_embeddings = true;
  const ModelLayout tied = compute_layout(config, {});
  EXPECT_EQ(untied.parameters_total - tied.parameters_total, 50304U * 2048);
  EXPECT_EQ(untied.router_bytes, tied.router_bytes);
}

TEST(Layout, SplitsTheFlopsOfAToken) {
  // By hand for Mixtral 8x7B: 22.5 GFLOP experts, 2.68 attention, 0.26 head.
  const TokenFlops mixtral = flops_per_token(mixtral_8x7b(), 2);
  EXPECT_DOUBLE_EQ(mixtral.experts, 32.0 * 2 * 6 * 4096 * 14336);
  EXPECT_DOUBLE_EQ(mixtral.attention, 32.0 * (2.0 * 4096 * (32 + 2 * 8) * 128 + 2.0 * 4096 * 4096));
  EXPECT_DOUBLE_EQ(mixtral.gate, 32.0 * 2 * 4096 * 8);
  EXPECT_DOUBLE_EQ(mixtral.head, 2.0 * 4096 * 32000);
  EXPECT_DOUBLE_EQ(mixtral.dense, 0);
  EXPECT_NEAR(mixtral.total() / 1e9, 25.5, 0.05);
}

TEST(Layout, CountsDenseLayers) {
  auto json = test::qwen3_config();
  json.update({{"mlp_only_layers", {0}}, {"intermediate_size", 7}});
  const ModelConfig config = parse_model_config(json.dump(), "test").value();
  const TokenFlops flops = flops_per_token(config, 2);
  EXPECT_DOUBLE_EQ(flops.dense, 6.0 * 8 * 7);
  EXPECT_DOUBLE_EQ(flops.experts, 2.0 * 6 * 8 * 6);
}

TEST(Layout, ReportsSavingsAgainstThreeBaselines) {
  const Savings none = compute_savings(mixtral_8x7b(), 2);
  EXPECT_DOUBLE_EQ(none.vs_dense, 0.75);
  EXPECT_DOUBLE_EQ(none.vs_static, 0);
  EXPECT_DOUBLE_EQ(none.total, 0);
  const Savings some = compute_savings(mixtral_8x7b(), 1.5);
  EXPECT_DOUBLE_EQ(some.vs_static, 0.25);
  EXPECT_NEAR(some.total, 0.22, 0.005);  // 88 % of the FLOPs are experts
  EXPECT_LT(compute_savings(mixtral_8x7b(), 3).total, 0);
}

}  // namespace
}  // namespace switchyard::model

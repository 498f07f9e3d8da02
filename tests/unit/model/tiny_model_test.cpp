// The checkpoint that comes with the project opens, and says what its card says.
#include <gmock/gmock.h>

#include <cmath>

#include "runtime/model/checkpoint/checkpoint.h"
#include "runtime/model/layout.h"
#include "runtime/model/weight_shape.h"
#include "runtime/model/weight_source.h"
#include "tests/unit/model/checkpoint_fixture.h"

namespace switchyard::model {
namespace {

const std::string kDirectory = std::string(SWITCHYARD_SOURCE_DIR) + "/configs/models/tiny-qwen3moe";

TEST(TinyModel, HasTheConfigOfItsCard) {
  const auto config = read_model_config(kDirectory);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->family, "qwen3_moe");
  EXPECT_EQ(config->vocab, 2048U);
  EXPECT_EQ(config->hidden, 192U);
  EXPECT_EQ(config->layers, 5U);
  EXPECT_EQ(config->heads, 6U);
  EXPECT_EQ(config->kv_heads, 2U);
  EXPECT_EQ(config->head_size, 32U);
  EXPECT_EQ(config->context_max, 512U);
  EXPECT_EQ(config->rope_theta, 10000.0F);
  EXPECT_EQ(config->norm_eps, 1e-6F);
  EXPECT_TRUE(config->tied_embeddings);
  EXPECT_EQ(config->qk_norm, kernels::QkNorm::kPerHead);
  EXPECT_EQ(config->experts, 16U);
  EXPECT_EQ(config->experts_per_token, 4U);
  EXPECT_EQ(config->expert_inner, 64U);
  EXPECT_TRUE(config->norm_topk_prob);
  EXPECT_EQ(config->moe_layer_count(), 5U);
  EXPECT_THAT(config->eos_tokens, ::testing::ElementsAre(2047));
  const ModelLayout layout = compute_layout(*config, {});
  EXPECT_EQ(layout.parameters_total, 3'851'648U);
  EXPECT_EQ(layout.parameters_active, 1'639'808U);
}

TEST(TinyModel, OpensAndGivesEveryWeight) {
  EXPECT_TRUE(check_checkpoint(kDirectory).empty());
  const auto source = open_checkpoint(kDirectory);
  ASSERT_TRUE(source) << source.error().message;
  for (const WeightId& id : list_weights((*source)->config())) {
    const auto view = (*source)->get(id);
    ASSERT_TRUE(view) << view.error().message;
    EXPECT_EQ(view->dtype, DType::kBf16);
    const float last = test::element(*view, view->out * view->in - 1);
    EXPECT_LT(std::abs(last), 100.0F) << to_string(id);
  }
  EXPECT_EQ((*source)->bytes_read(), 3'851'648U * 2);
  (*source)->release();
}

}  // namespace
}  // namespace switchyard::model

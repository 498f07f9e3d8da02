#include "runtime/model/fingerprint.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "runtime/model/weight_source.h"
#include "tests/unit/model/checkpoint_fixture.h"

namespace switchyard::model {
namespace {

TEST(Fingerprint, DiffersWhereAFieldOfTheConfigurationDiffers) {
  const std::vector<std::function<void(ModelConfig&)>> changes{
      [](ModelConfig& c) { c.family = "olmoe"; },
      [](ModelConfig& c) { ++c.vocab; },
      [](ModelConfig& c) { ++c.hidden; },
      [](ModelConfig& c) { ++c.layers; },
      [](ModelConfig& c) { ++c.heads; },
      [](ModelConfig& c) { ++c.kv_heads; },
      [](ModelConfig& c) { ++c.head_size; },
      [](ModelConfig& c) { ++c.context_max; },
      [](ModelConfig& c) { c.rope_theta = 10001; },
      [](ModelConfig& c) { c.norm_eps = 1e-5F; },
      [](ModelConfig& c) { c.tied_embeddings = true; },
      [](ModelConfig& c) { c.qk_norm = kernels::QkNorm::kPerHead; },
      [](ModelConfig& c) { c.clip_qkv = 8; },
      [](ModelConfig& c) { ++c.experts; },
      [](ModelConfig& c) { ++c.experts_per_token; },
      [](ModelConfig& c) { ++c.expert_inner; },
      [](ModelConfig& c) { c.norm_topk_prob = false; },
      [](ModelConfig& c) { ++c.dense_inner; },
      [](ModelConfig& c) { c.moe_layer = {true}; },
      [](ModelConfig& c) { c.moe_layer = {false}; },
      [](ModelConfig& c) { c.eos_tokens = {2}; },
      [](ModelConfig& c) {
        c.eos_tokens = {2, 3};
      },
      [](ModelConfig& c) { c.aux_loss_coef = 0.1F; }};
  std::set<std::uint64_t> seen{fingerprint(ModelConfig{})};
  EXPECT_EQ(seen.count(fingerprint(ModelConfig{})), 1U);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    ModelConfig config;
    changes[i](config);
    EXPECT_TRUE(seen.insert(fingerprint(config)).second) << "change " << i;
  }
}

class WeightFingerprint : public ::testing::Test {
 protected:
  std::uint64_t of(const nlohmann::json& config, const test::Tensors& tensors,
                   DType dtype = DType::kBf16) {
    const test::TempDirectory directory;
    test::write_model(directory.path(), config, tensors, dtype);
    return of(directory);
  }
  static std::uint64_t of(const test::TempDirectory& directory) {
    const auto source = open_checkpoint(directory.path());
    EXPECT_TRUE(source.has_value()) << source.error().message;
    return source ? (*source)->fingerprint() : 0;
  }
};

TEST_F(WeightFingerprint, IsOfTheContentAndNotOfThePlace) {
  const auto first = of(test::qwen3_config(), test::qwen3_tensors());
  EXPECT_EQ(of(test::qwen3_config(), test::qwen3_tensors()), first);
  EXPECT_NE(of(test::qwen3_config(), test::qwen3_tensors(), DType::kF32), first);
  EXPECT_NE(of(test::olmoe_config(), test::olmoe_tensors()), first);
  auto more = test::qwen3_tensors();
  more["extra"] = {2, 2};
  EXPECT_NE(of(test::qwen3_config(), more), first);
}

TEST_F(WeightFingerprint, DiffersForOtherValuesBehindTheSameHeader) {
  const test::TempDirectory directory;
  test::write_model(directory.path(), test::qwen3_config(), test::qwen3_tensors());
  const auto first = of(directory);
  auto file = test::read_file(directory.file("model.safetensors"));
  file[file.size() - 1] ^= 1;  // of a tensor that is smaller than a sample
  test::write_file(directory.file("model.safetensors"), file);
  EXPECT_NE(of(directory), first);
}

TEST(RandomWeightFingerprint, IsOfTheSeed) {
  ModelConfig config;
  config.family = "mixtral";
  config.vocab = config.hidden = config.expert_inner = 8;
  config.layers = config.heads = config.kv_heads = config.experts_per_token = 1;
  config.head_size = 8;
  config.context_max = 16;
  config.experts = 2;
  config.moe_layer = {true};
  EXPECT_EQ(make_random_weights(config, 1)->fingerprint(),
            make_random_weights(config, 1)->fingerprint());
  EXPECT_NE(make_random_weights(config, 1)->fingerprint(),
            make_random_weights(config, 2)->fingerprint());
}

}  // namespace
}  // namespace switchyard::model

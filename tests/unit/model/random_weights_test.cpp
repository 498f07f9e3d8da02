#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "runtime/model/families/family.h"
#include "runtime/model/weight_source.h"
#include "tests/unit/model/checkpoint_fixture.h"

namespace switchyard::model {
namespace {

ModelConfig small_config() {
  auto json = test::qwen3_config();
  json.update({{"hidden_size", 64}, {"moe_intermediate_size", 35}, {"vocab_size", 333}});
  return parse_model_config(json.dump(), "test").value();
}

std::vector<float> values(WeightSource& source, const WeightId& id) {
  const auto view = source.get(id).value();
  std::vector<float> out;
  for (std::size_t i = 0; i < view.out * view.in; ++i) out.push_back(test::element(view, i));
  return out;
}

TEST(RandomWeights, DependOnSeedAndWeightOnly) {
  const ModelConfig config = small_config();
  const auto one = make_random_weights(config, 7);
  const auto two = make_random_weights(config, 7);
  const WeightId id{WeightRole::kExpertUp, 1, 2};
  const auto expected = values(*one, id);
  (void)values(*two, {WeightRole::kEmbedding});
  (void)values(*two, {WeightRole::kExpertUp, 0, 0});
  EXPECT_EQ(values(*two, id), expected);
  two->release();
  EXPECT_EQ(values(*two, id), expected);
  EXPECT_NE(values(*make_random_weights(config, 8), id), expected);
  EXPECT_NE(values(*one, {WeightRole::kExpertUp, 1, 1}), expected);
  EXPECT_NE(values(*one, {WeightRole::kExpertUp, 0, 2}), expected);
  EXPECT_NE(values(*one, {WeightRole::kExpertGate, 1, 2}), expected);
}

TEST(RandomWeights, ArePinnedAcrossBuilds) {
  const auto weights = values(*make_random_weights(small_config(), 1), {WeightRole::kQuery, 0});
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i)
    sum += weights[i] * static_cast<double>(i % 7 + 1);
  // From an independent implementation of the recipe (splitmix64, 12-bit levels) in Python.
  EXPECT_EQ(sum, 81.6028470993042);
}

TEST(RandomWeights, HaveTheSpreadOfATrainedMatrix) {
  const auto source = make_random_weights(small_config(), 3);
  for (const WeightId& id : {WeightId{WeightRole::kEmbedding}, WeightId{WeightRole::kQuery, 1},
                             WeightId{WeightRole::kExpertDown, 0, 1}}) {
    const std::size_t in = source->get(id)->in;
    const auto weights = values(*source, id);
    double sum = 0;
    double squares = 0;
    for (const float weight : weights) {
      ASSERT_TRUE(std::isfinite(weight));
      sum += weight;
      squares += static_cast<double>(weight) * weight;
    }
    const auto count = static_cast<double>(weights.size());
    const double deviation = 1.0 / std::sqrt(static_cast<double>(in));
    // Five standard errors of the mean and of the mean square of a uniform distribution.
    EXPECT_NEAR(sum / count, 0, 5 * deviation / std::sqrt(count));
    EXPECT_NEAR(squares / count / (deviation * deviation), 1, 5 * 0.9 / std::sqrt(count) + 0.01);
  }
}

TEST(RandomWeights, GiveGainsOfOneAndATiedHead) {
  ModelConfig config = small_config();
  config.tied_embeddings = true;
  const auto source = make_random_weights(config, 3);
  for (const float gain : values(*source, {WeightRole::kQueryNorm, 1})) EXPECT_EQ(gain, 1.0F);
  EXPECT_EQ(values(*source, {WeightRole::kHead}), values(*source, {WeightRole::kEmbedding}));
  config.tied_embeddings = false;
  const auto untied = make_random_weights(config, 3);
  EXPECT_NE(values(*untied, {WeightRole::kHead}), values(*untied, {WeightRole::kEmbedding}));
}

TEST(RandomWeights, KeepTheThreeViewsOfAnExpertApart) {
  const auto source = make_random_weights(small_config(), 3);
  const auto gate = source->get({WeightRole::kExpertGate, 0, 0}).value();
  const float before = test::element(gate, 0);
  const auto up = source->get({WeightRole::kExpertUp, 0, 0}).value();
  const auto down = source->get({WeightRole::kExpertDown, 0, 0}).value();
  EXPECT_NE(gate.data, up.data);
  EXPECT_NE(up.data, down.data);
  EXPECT_EQ(test::element(gate, 0), before);
}

TEST(RandomWeights, RefuseIdsOutsideTheModel) {
  const auto source = make_random_weights(small_config(), 3);
  EXPECT_EQ(source->get({WeightRole::kExpertUp, 0, 3}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(source->get({WeightRole::kQuery, 2}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(source->bytes_read(), 0U);
}

}  // namespace
}  // namespace switchyard::model

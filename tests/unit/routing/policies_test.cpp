// The golden vectors: one token of eight experts under every rule.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/unit/routing/routing_helpers.h"

namespace switchyard::routing {
namespace {

using testing::convention;
using ::testing::ElementsAre;
using testing::expect_weights;
using ::testing::HasSubstr;
using testing::ids;
using testing::kGolden;
using testing::refusal;
using testing::route;
using testing::router;

Selections golden(std::string_view spec, const RouterConvention& conv) {
  return route(*router(spec, conv), kGolden, 8);
}

TEST(TopK, FollowsTheCheckpointsConvention) {
  const auto mixtral = golden("topk", convention(8, 2));
  EXPECT_THAT(ids(mixtral), ElementsAre(0, 3));
  expect_weights(mixtral, {0.622459, 0.377541});
  const auto qwen = golden("auto", convention(8, 4));
  EXPECT_THAT(ids(qwen), ElementsAre(0, 3, 6, 2));
  expect_weights(qwen, {0.455054, 0.276004, 0.167405, 0.101536});
  const auto olmoe = golden("topk", convention(8, 4, false));
  expect_weights(olmoe, {0.402728, 0.244267, 0.148155, 0.089861});
}

TEST(TopK, ScalesAndBreaksTiesByLowerId) {
  auto conv = convention(4, 2);
  conv.scale = 2.5F;
  const auto made = route(*router("topk", conv), {1, 3, 3, 3}, 4);
  EXPECT_THAT(ids(made), ElementsAre(1, 2));
  expect_weights(made, {1.25, 1.25});
}

TEST(Relative, MatchesTheGoldenVectors) {
  const auto conv = convention(8, 4);
  EXPECT_EQ(golden("relative:t=0.2", conv).k(0), 4U);
  const auto three = golden("relative:t=0.3", conv);
  EXPECT_THAT(ids(three), ElementsAre(0, 3, 6));
  expect_weights(three, {0.506481, 0.307196, 0.186323});
  expect_weights(golden("relative:t=0.4", conv), {0.622459, 0.377541});
  expect_weights(golden("relative:t=0.7", conv), {1});
  EXPECT_EQ(golden("relative:t=0.7,k_min=2", conv).k(0), 2U);
}

TEST(TopP, MatchesTheGoldenVectors) {
  const auto conv = convention(8, 4);
  const std::pair<const char*, std::size_t> cases[] = {
      {"0.4", 1}, {"0.6", 2}, {"0.7", 3}, {"0.9", 5}, {"1.0", 8}};
  for (const auto& [theta, k] : cases) {
    EXPECT_EQ(golden(fmt::format("top-p:theta={},k_max=8", theta), conv).k(0), k) << theta;
  }
  EXPECT_EQ(golden("top-p:theta=0.9", conv).k(0), 4U);
  EXPECT_EQ(golden("top-p:theta=0,k_min=3", conv).k(0), 3U);
}

TEST(Entropy, StepsAtItsThresholds) {  // the token's entropy is 0.767457
  const auto conv = convention(8, 4);
  EXPECT_EQ(golden("entropy:thresholds=0.767456/0.8/0.9", conv).k(0), 2U);
  EXPECT_EQ(golden("entropy:thresholds=0.767459/0.8/0.9", conv).k(0), 1U);
  // k_min + floor((k_max - k_min + 1) * (H - a) / (b - a)) = 1 + floor(4 * 0.767457)
  EXPECT_EQ(golden("entropy:a=0,b=1", conv).k(0), 4U);
  EXPECT_EQ(golden("entropy:a=0.5,b=1.1", conv).k(0), 2U);
  EXPECT_EQ(golden("entropy:a=0.8,b=1.1", conv).k(0), 1U);
}

TEST(Margin, StepsAtItsThresholds) {  // 1 - (p1 - p2) = 0.841539
  const auto conv = convention(8, 2);
  EXPECT_EQ(golden("margin:thresholds=0.841538", conv).k(0), 2U);
  EXPECT_EQ(golden("margin:thresholds=0.841541", conv).k(0), 1U);
}

TEST(Difficulty, ReadsEachEstimator) {
  const auto conv = convention(8, 2);
  const auto k = [&](const char* estimator, double threshold) {
    return golden(fmt::format("difficulty:estimator={},thresholds={}", estimator, threshold), conv)
        .k(0);
  };
  EXPECT_EQ(k("p1", 0.59727), 2U);
  EXPECT_EQ(k("p1", 0.59728), 1U);
  EXPECT_EQ(k("mass", 0.59727), 2U);
  EXPECT_EQ(k("mass", 0.59728), 1U);
  EXPECT_EQ(k("entropy", 0.7674), 2U);
  EXPECT_EQ(k("margin", 0.8416), 1U);
}

TEST(Difficulty, ReadsTheResidualVariance) {
  const auto made = router("difficulty:estimator=variance,thresholds=10", convention(8, 2));
  EXPECT_TRUE(made->needs().residual_variance);
  std::vector<float> two = kGolden;
  two.insert(two.end(), kGolden.begin(), kGolden.end());
  const std::vector<float> variance = {9, 11};
  TokenSignals signals;
  signals.residual_variance = variance;
  const auto out = route(*made, two, 8, signals);
  EXPECT_EQ(out.k(0), 1U);
  EXPECT_EQ(out.k(1), 2U);
  EXPECT_FALSE(router("entropy:a=0,b=1", convention(8, 2))->needs().residual_variance);
}

TEST(PerLayer, GivesEachLayerItsOwn) {
  const auto made = router("per-layer:k=1/3", convention(8, 2, true, 2));
  EXPECT_EQ(made->k_max(), 3U);
  EXPECT_EQ(route(*made, kGolden, 8, {}, 0).k(0), 1U);
  EXPECT_EQ(route(*made, kGolden, 8, {}, 1).k(0), 3U);
}

TEST(PerLayer, ReadsAFile) {
  const std::string path = ::testing::TempDir() + "per_layer_k.json";
  std::ofstream(path) << "[2, 5]";
  const auto conv = convention(8, 2, true, 2);
  EXPECT_EQ(router("per-layer:file=" + path, conv)->spec(), "per-layer:k=2/5");
  std::ofstream(path) << "[2, 9]";
  EXPECT_EQ(make_router("per-layer:file=" + path, conv, {}).error().code, ErrorCode::kBadInput);
  EXPECT_EQ(make_router("per-layer:file=/none", conv, {}).error().code, ErrorCode::kNotFound);
}

TEST(Grouped, MatchesTheDeepSeekVector) {
  const std::string path = ::testing::TempDir() + "grouped_bias.json";
  std::ofstream(path) << "[[-0.3, 0.2, 0, 0, 0.3, 0.1, 0, 0]]";
  const auto out =
      golden("grouped:groups=4,topk_group=2,k=3,scale=2.5,bias=" + path, convention(8, 3));
  EXPECT_THAT(ids(out), ElementsAre(3, 4, 2));
  expect_weights(out, {1.124541, 0.519292, 0.856168});
}

TEST(Grouped, IsTopKOfSigmoidsWithOneGroup) {
  const auto out = golden("grouped:k=2", convention(8, 2));
  EXPECT_THAT(ids(out), ElementsAre(0, 3));
  expect_weights(out, {0.880797 / 1.698371, 0.817574 / 1.698371});
}

TEST(Random, HasTheWantedMeanAndDependsOnSeedLayerAndPositionOnly) {
  const auto conv = convention(8, 4, true, 2);
  const auto made = router("random:mean_k=2,k_max=6", conv);
  constexpr std::size_t kTokens = 20000;
  std::vector<float> logits;
  for (std::size_t t = 0; t < kTokens; ++t) {
    logits.insert(logits.end(), kGolden.begin(), kGolden.end());
  }
  const std::vector<std::uint64_t> seeds(kTokens, 5);
  TokenSignals signals;
  signals.sequence_seeds = seeds;
  const auto out = route(*made, logits, 8, signals);
  EXPECT_NEAR(static_cast<double>(out.slot_count()) / kTokens, 2.0, 0.03);
  const auto last = route(*made, kGolden, 8,
                          {{}, std::vector<std::uint32_t>{kTokens - 1}, {seeds.data(), 1}, {}});
  EXPECT_EQ(last.k(0), out.k(kTokens - 1));
  EXPECT_NE(route(*made, logits, 8, signals, 1).slot_begin, out.slot_begin);
  EXPECT_NE(route(*made, logits, 8).slot_begin, out.slot_begin);
}

TEST(Random, DrawsFromAHistogram) {
  const auto made = router("random:histogram=1/0/3,k_max=3", convention(8, 4));
  const auto out = route(*made, testing::synthetic_gate(8000, 8, 3), 8);
  std::vector<std::size_t> counts(4);
  for (std::size_t t = 0; t < 8000; ++t) ++counts[out.k(t)];
  EXPECT_EQ(counts[2], 0U);
  EXPECT_NEAR(static_cast<double>(counts[3]) / 8000, 0.75, 0.02);
}

TEST(Weights, MassKeepsTheMassOfTheStaticSelection) {
  const auto raw = convention(8, 4, false);
  const auto out = golden("topk:k=2,weights=mass", raw);
  expect_weights(out, {0.402728 * 0.885012 / 0.646995, 0.244267 * 0.885012 / 0.646995});
  // More than the static selection shrinks instead.
  const auto more = golden("topk:k=8,weights=mass", raw);
  double sum = 0;
  for (const float w : more.weights) sum += static_cast<double>(w);
  EXPECT_NEAR(sum, 0.885012, 2e-6);
  const auto renormalised = golden("topk:k=2,weights=mass", convention(8, 4));
  expect_weights(renormalised, {0.622459, 0.377541});
}

TEST(Router, SaysWhatItIs) {
  EXPECT_EQ(router("top-p:theta=0.5,k_max=6", convention(8, 4))->k_max(), 6U);
  EXPECT_GE(describe_policies().size(), 9U);
  for (const auto& key : describe_common_keys()) {
    for (const auto word : key.words) {
      EXPECT_EQ(
          router(fmt::format("topk:{}={}", key.name, word), convention(8, 4))->spec(),
          word == key.words.front() ? "topk:k=4" : fmt::format("topk:k=4,{}={}", key.name, word));
    }
  }
  for (const auto& estimator : describe_estimators()) {
    EXPECT_THAT(refusal("difficulty:estimator=?", convention(8, 4)), HasSubstr(estimator.name));
  }
  auto bad = convention(8, 9);
  EXPECT_EQ(make_router("auto", bad, {}).error().code, ErrorCode::kBadInput);
  bad = convention(5000, 9);
  EXPECT_EQ(make_router("auto", bad, {}).error().code, ErrorCode::kBadInput);
}

TEST(Router, AppendsWithoutAllocating) {
  const auto made = router("topk", convention(8, 4));
  Selections out;
  out.reserve(4, 4);
  const auto* data = out.experts.data();
  for (int i = 0; i < 4; ++i) {
    made->route(0, MatrixView<const float>(kGolden.data(), 1, 8), {}, out);
  }
  EXPECT_EQ(out.token_count(), 4U);
  EXPECT_EQ(out.slot_count(), 16U);
  EXPECT_EQ(out.experts.data(), data);
}

}  // namespace
}  // namespace switchyard::routing

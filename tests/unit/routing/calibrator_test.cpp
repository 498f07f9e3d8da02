#include "runtime/routing/calibrator.h"

#include <gmock/gmock.h>

#include "tests/unit/routing/routing_helpers.h"

namespace switchyard::routing {
namespace {

using testing::convention;
using ::testing::HasSubstr;
using testing::refusal;
using testing::route;
using testing::router;

constexpr std::size_t kTokens = 6000;
constexpr std::size_t kExperts = 16;
constexpr std::size_t kLayers = 3;

// Three layers of different sharpness with variances and a skewed choice of 50 token ids.
struct Text {
  Text() {
    Random random(11);
    for (std::size_t l = 0; l < kLayers; ++l) {
      logits.push_back(
          testing::synthetic_gate(kTokens, kExperts, 100 + l, 0.5 + static_cast<double>(l)));
    }
    for (std::uint32_t t = 0; t < kTokens; ++t) {
      positions.push_back(t);
      token_ids.push_back(static_cast<std::uint32_t>(50 * random.next_unit() * random.next_unit()));
      variance.push_back(static_cast<float>(std::exp(3 * random.next_unit())));
    }
  }
  [[nodiscard]] TokenSignals signals() const { return {token_ids, positions, {}, variance}; }
  [[nodiscard]] MatrixView<const float> layer(std::size_t l) const {
    return {logits[l].data(), kTokens, kExperts};
  }

  std::vector<std::vector<float>> logits;
  std::vector<std::uint32_t> positions;
  std::vector<std::uint32_t> token_ids;
  std::vector<float> variance;
};

RouterConvention model() { return convention(kExperts, 4, true, kLayers); }

Calibrator observed(const Text& text, CalibratorOptions options = {}) {
  auto calibrator = Calibrator::create(model(), "test", options).value();
  for (std::size_t l = 0; l < kLayers; ++l) calibrator.observe(l, text.layer(l), text.signals());
  return calibrator;
}

double routed_mean_k(const Router& with, const Text& text, std::size_t layer) {
  const auto out = route(with, text.logits[layer], kExperts, text.signals(), layer);
  return static_cast<double>(out.slot_count()) / kTokens;
}

double routed_mean_k(const Router& with, const Text& text) {
  double sum = 0;
  for (std::size_t l = 0; l < kLayers; ++l) sum += routed_mean_k(with, text, l);
  return sum / kLayers;
}

TEST(Calibrator, EveryRuleReachesItsBudgetWithinOnePercent) {
  const Text text;
  const auto calibrator = observed(text);
  for (const char* rule :
       {"relative:", "top-p:", "entropy:", "margin:", "difficulty:estimator=variance,",
        "difficulty:estimator=entropy,", "difficulty:estimator=margin,",
        "difficulty:estimator=mass,", "difficulty:estimator=p1,", "top-p:per_layer=1,",
        "relative:per_layer=1,", "entropy:per_layer=1,", "difficulty:per_layer=0,"}) {
    for (const double mean_k : {1.3, 2.0, 3.25, 4.5}) {
      const auto spec = fmt::format("{}mean_k={},k_min=1,k_max=6", rule, mean_k);
      const auto entry = calibrator.solve(spec);
      ASSERT_TRUE(entry.has_value()) << spec << ": " << entry.error().message;
      EXPECT_NEAR(entry->mean_k, mean_k, 0.01 * mean_k) << spec;
      const auto file = calibrator.calibration({*entry}).to_json();
      const auto made = router(spec, model(), file);
      EXPECT_EQ(made->spec(), entry->spec);
      EXPECT_NEAR(routed_mean_k(*made, text), entry->mean_k, 1e-9) << spec;
    }
  }
}

TEST(Calibrator, PerLayerThresholdsReachTheBudgetInEachLayer) {
  const Text text;
  const auto calibrator = observed(text);
  for (const char* spec : {"top-p:mean_k=2,k_max=6,per_layer=1", "difficulty:mean_k=2,k_max=6"}) {
    const auto entry = calibrator.solve(spec).value();
    const auto made = router(spec, model(), calibrator.calibration({entry}).to_json());
    for (std::size_t l = 0; l < kLayers; ++l) {
      EXPECT_NEAR(routed_mean_k(*made, text, l), 2.0, 0.02) << spec << " layer " << l;
    }
  }
  // A shared threshold does not: the layers differ in sharpness.
  const auto shared = calibrator.solve("top-p:mean_k=2,k_max=6").value();
  const auto made =
      router("top-p:mean_k=2,k_max=6", model(), calibrator.calibration({shared}).to_json());
  EXPECT_GT(routed_mean_k(*made, text, 0), routed_mean_k(*made, text, 2) + 0.5);
}

// By hand: layer 0 is sure (one expert has 0.97 of the mass), layer 1 is flat, layer 2 in between.
TEST(Calibrator, PerLayerGivesExpertsToTheLayersThatLackThem) {
  const auto conv = convention(4, 2, true, 3);
  auto calibrator = Calibrator::create(conv, "test", {}).value();
  const std::vector<std::vector<float>> gates = {{9, 5, 4, 3}, {1, 1, 1, 1}, {3, 1.9F, 0, 0}};
  for (std::size_t l = 0; l < 3; ++l) {
    calibrator.observe(l, MatrixView<const float>(gates[l].data(), 1, 4), {});
  }
  const auto k_of = [&](const char* spec) {
    const auto entry = calibrator.solve(spec).value();
    const auto made = router(spec, conv, calibrator.calibration({entry}).to_json());
    EXPECT_EQ(made->spec(), entry.spec);
    std::vector<std::size_t> k;
    for (std::size_t l = 0; l < 3; ++l) k.push_back(route(*made, gates[l], 4, {}, l).k(0));
    return k;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(k_of("per-layer:mean_k=1,k_max=4"), ElementsAre(1, 1, 1));
  // The next experts have 0.018, 0.25 and 0.23 of the mass; behind them 0.007, 0.25 and 0.03.
  EXPECT_THAT(k_of("per-layer:mean_k=1.34,k_max=4"), ElementsAre(1, 2, 1));
  EXPECT_THAT(k_of("per-layer:mean_k=1.66,k_max=4"), ElementsAre(1, 3, 1));
  EXPECT_THAT(k_of("per-layer:mean_k=2.3333,k_max=4"), ElementsAre(1, 4, 2));
  EXPECT_THAT(k_of("per-layer:mean_k=4,k_max=4"), ElementsAre(4, 4, 4));
  EXPECT_THAT(k_of("per-layer:mean_k=2,k_max=2"), ElementsAre(2, 2, 2));
  EXPECT_NEAR(calibrator.solve("per-layer:mean_k=1.34,k_max=4").value().mean_k, 4.0 / 3, 1e-12);
}

TEST(Calibrator, PerLayerRefusesAFileWhoseKIsNone) {
  const auto conv = convention(8, 4);
  for (const char* k : {"0", "1.5", "5", "-1"}) {
    const auto file = fmt::format(
        R"({{"format":"switchyard-calibration","version":1,"tokens":9,)"
        R"("model":{{"family":"t","layers":1,"experts":8,"k_static":4}},"entries":[)"
        R"({{"spec":"per-layer:mean_k=2,k_min=1,k_max=4","mean_k":2,"thresholds":[[{}]]}}]}})",
        k);
    EXPECT_THAT(refusal("per-layer:mean_k=2", conv, file), HasSubstr("is no k of 1..4"));
  }
}

// Token ids are few, so budgets between two ids' quantiles cannot be met exactly.
TEST(Calibrator, PriorComesCloseAndGivesRareTokensMore) {
  const Text text;
  const auto calibrator = observed(text);
  const char* spec = "difficulty:estimator=prior,mean_k=2,k_max=4";
  const auto entry = calibrator.solve(spec).value();
  EXPECT_NEAR(entry.mean_k, 2.0, 0.2);
  const auto made = router(spec, model(), calibrator.calibration({entry}).to_json());
  const std::vector<std::uint32_t> tokens = {0, 45, 4000};
  const auto out =
      route(*made, std::vector<float>(3 * kExperts, 0.5F), kExperts, {tokens, {}, {}, {}});
  EXPECT_LT(out.k(0), out.k(1));
  EXPECT_EQ(out.k(2), 4U);  // outside the calibrated vocabulary: as rare as can be
}

// A new text holds ids that the calibration text had not; their share must not raise the mean.
TEST(Calibrator, PriorKeepsItsBudgetOnTextsWithUnseenTokens) {
  Text text;
  Text other;
  Random random(12);
  const auto long_tailed = [&random] {
    return static_cast<std::uint32_t>(std::exp(random.next_unit() * std::log(20000.0)));
  };
  for (auto& id : text.token_ids) id = long_tailed();
  for (auto& id : other.token_ids) id = long_tailed();
  const auto calibrator = observed(text);
  const char* spec = "difficulty:estimator=prior,mean_k=1.5,k_max=4";
  const auto entry = calibrator.solve(spec).value();
  const auto made = router(spec, model(), calibrator.calibration({entry}).to_json());
  EXPECT_NEAR(routed_mean_k(*made, other), 1.5, 0.15);
}

TEST(Calibrator, MeetsTheEndsOfTheRange) {
  const Text text;
  const auto calibrator = observed(text);
  for (const char* rule : {"relative", "top-p", "entropy", "difficulty"}) {
    for (const double mean_k : {1.0, 4.0}) {
      const auto entry = calibrator.solve(fmt::format("{}:mean_k={}", rule, mean_k)).value();
      EXPECT_DOUBLE_EQ(entry.mean_k, mean_k) << entry.spec;
    }
  }
}

TEST(Calibrator, SamplesLongTextsAndStaysDeterministic) {
  const Text text;
  CalibratorOptions options;
  options.tokens_max = 3000;
  const auto a = observed(text, options).solve("top-p:mean_k=2,k_max=6").value();
  const auto b = observed(text, options).solve("top-p:mean_k=2,k_max=6").value();
  EXPECT_EQ(a.thresholds.values, b.thresholds.values);
  const auto all = observed(text).solve("top-p:mean_k=2,k_max=6").value();
  EXPECT_NE(a.thresholds.values, all.thresholds.values);
  EXPECT_NEAR(a.thresholds.values[0], all.thresholds.values[0], 0.02);
  EXPECT_EQ(observed(text, options).token_count(), kTokens);
}

TEST(Calibrator, RefusesWhatItCannotSolve) {
  const auto empty = Calibrator::create(model(), "test", {}).value();
  EXPECT_EQ(empty.solve("top-p:mean_k=2").error().code, ErrorCode::kBadInput);
  const Text text;
  auto calibrator = Calibrator::create(model(), "test", {}).value();
  for (std::size_t l = 0; l < kLayers; ++l) calibrator.observe(l, text.layer(l), {});
  EXPECT_THAT(calibrator.solve("difficulty:estimator=variance,mean_k=2").error().message,
              HasSubstr("not recorded"));
  for (const char* bad : {"topk", "random:mean_k=2", "top-p:theta=0.5", "top-p:mean_k=9", "nope"}) {
    EXPECT_EQ(calibrator.solve(bad).error().code, ErrorCode::kUsage) << bad;
  }
}

TEST(Calibrator, ABudgetIsCheckedBeforeAnythingIsRecorded) {
  for (const char* good : {"top-p:mean_k=2", "difficulty:estimator=variance,mean_k=2,k_max=5",
                           "difficulty:estimator=prior,mean_k=2", "margin:mean_k=1.5,k_max=3"}) {
    const auto fits = check_budget(good, model());
    EXPECT_TRUE(fits.has_value()) << good << ": " << fits.error().message;
  }
  for (const char* bad : {"topk", "top-p:theta=0.5", "top-p:mean_k=9", "top-p:mean_k=3,k_max=2",
                          "nope", "bogus:mean_k=2", "top-p:mean_k=2,x=1"}) {
    EXPECT_EQ(check_budget(bad, model()).error().code, ErrorCode::kUsage) << bad;
  }
}

// By hand: experts 0 and 1 are the best two of the first token, 1 and 3 of the second.
TEST(Calibrator, CountsTheExpertsOfTheStaticTopK) {
  auto calibrator = Calibrator::create(convention(4, 2, true, 2), "test", {}).value();
  const std::vector<float> logits{3, 2, 1, 0, 0, 2, 1, 3, NAN, 0, 0, 9};
  calibrator.observe(1, MatrixView<const float>(logits.data(), 3, 4), {});
  const auto written = calibrator.calibration({});
  EXPECT_THAT(written.expert_loads, ::testing::ElementsAre(0, 0, 0, 0, 1, 2, 0, 1));
  EXPECT_EQ(Calibration::parse(written.to_json()).value().expert_loads, written.expert_loads);
}

TEST(Calibrator, LeavesOutNonFiniteRows) {
  const Text text;
  auto calibrator = observed(text);
  const std::vector<float> bad(10 * kExperts, NAN);
  calibrator.observe(0, MatrixView<const float>(bad.data(), 10, kExperts), {});
  EXPECT_EQ(calibrator.token_count(), kTokens);
}

TEST(CalibrationFile, IsReadBackTheSame) {
  const Text text;
  const auto calibrator = observed(text);
  const auto written = calibrator.calibration({calibrator.solve("entropy:mean_k=2,k_max=6").value(),
                                               calibrator.solve("top-p:mean_k=1.5").value()});
  const auto read = Calibration::parse(written.to_json()).value();
  EXPECT_EQ(read.to_json(), written.to_json());
  EXPECT_EQ(read.family, "test");
  ASSERT_EQ(read.entries.size(), 2U);
  EXPECT_EQ(read.entries[0].thresholds.values, written.entries[0].thresholds.values);
  EXPECT_EQ(read.token_counts, written.token_counts);
  EXPECT_EQ(read.expert_loads, written.expert_loads);
}

TEST(CalibrationFile, NamesWhatIsWrong) {
  const std::string good =
      R"({"format":"switchyard-calibration","version":1,"tokens":9,)"
      R"("model":{"family":"t","layers":1,"experts":8,"k_static":4},)"
      R"("entries":[{"spec":"top-p:mean_k=2,k_min=1,k_max=4","mean_k":2,"thresholds":[[0.5]]}]})";
  ASSERT_TRUE(Calibration::parse(good).has_value());
  const auto broken = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    const auto read = Calibration::parse(text);
    EXPECT_FALSE(read.has_value()) << text;
    return read ? "" : read.error().message;
  };
  EXPECT_THAT(broken("{\"format", "{format"), HasSubstr("not valid JSON at"));
  EXPECT_THAT(broken("\"version\":1", "\"version\":2"), HasSubstr("version 1"));
  EXPECT_THAT(broken("\"tokens\":9", "\"token\":9"), HasSubstr("file.tokens is missing"));
  EXPECT_THAT(broken("\"tokens\":9", "\"tokens\":9,\"x\":1"), HasSubstr("not one of"));
  EXPECT_THAT(broken("\"experts\":8", "\"experts\":0"), HasSubstr("model.experts"));
  EXPECT_THAT(broken("\"layers\":1", "\"layers\":2"), HasSubstr("entries[0].thresholds"));
  EXPECT_THAT(broken("[[0.5]]", "[[\"a\"]]"), HasSubstr("expected numbers"));
  EXPECT_THAT(broken("\"mean_k\":2,", "\"mean_k\":null,"), HasSubstr("entries[0].mean_k"));
  EXPECT_THAT(broken("[{", "["), HasSubstr("JSON"));
  const auto loads = [&](std::string_view value) {
    return broken("\"tokens\":9", fmt::format("\"tokens\":9,\"expert_loads\":{}", value));
  };
  EXPECT_THAT(loads("[]"), HasSubstr("expert_loads: expected 1 lists of 8"));
  EXPECT_THAT(loads("[[1,2]]"), HasSubstr("expert_loads: expected 1 lists of 8"));
  EXPECT_THAT(loads("[[1,2,3,4,5,6,7,-8]]"), HasSubstr("expert_loads: expected a whole number"));
}

TEST(CalibrationFile, IsCheckedAgainstTheModelAndTheSpec) {
  const Text text;
  const auto calibrator = observed(text);
  const auto file = calibrator.calibration({calibrator.solve("top-p:mean_k=2").value()}).to_json();
  EXPECT_THAT(refusal("top-p:mean_k=2", model()), HasSubstr("needs a calibration file"));
  EXPECT_THAT(refusal("top-p:mean_k=3", model(), file),
              HasSubstr("there are: top-p:mean_k=2,k_min=1,k_max=4"));
  EXPECT_THAT(refusal("topk", convention(kExperts, 5, true, kLayers), file),
              HasSubstr("this model has"));
  EXPECT_THAT(refusal("topk", model(), "{"), HasSubstr("not valid JSON at"));
}

}  // namespace
}  // namespace switchyard::routing

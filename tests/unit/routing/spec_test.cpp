#include "runtime/routing/spec.h"

#include <gmock/gmock.h>

#include "tests/unit/routing/routing_helpers.h"

namespace switchyard::routing {
namespace {

using testing::convention;
using ::testing::HasSubstr;
using testing::refusal;
using testing::router;

ErrorCode code_of(std::string_view text) {
  const auto spec = Spec::parse(text);
  return spec ? ErrorCode::kInternal : spec.error().code;
}

TEST(Spec, SplitsNameAndKeys) {
  const auto spec = Spec::parse("top-p:theta=0.6,k_max=6").value();
  EXPECT_EQ(spec.name(), "top-p");
  EXPECT_EQ(spec.text("theta"), "0.6");
  EXPECT_EQ(spec.text("k_max"), "6");
  EXPECT_FALSE(spec.has("k_min"));
}

TEST(Spec, RefusesMalformedText) {
  for (const char* bad : {"", ":", "a b", "Topk", "topk:", "topk:k", "topk:k=", "topk:=4",
                          "topk:k=1,", "topk:,k=1", "topk:k=1,k=2", "topk:K=1", "\x01\xff"}) {
    EXPECT_EQ(code_of(bad), ErrorCode::kUsage) << bad;
  }
}

TEST(Spec, BoundsLengthAndKeys) {
  EXPECT_EQ(code_of(std::string(20000, 'a')), ErrorCode::kLimit);
  std::string many = "x:";
  for (int i = 0; i < 17; ++i) many += fmt::format("{}k{}=1", i == 0 ? "" : ",", i);
  EXPECT_EQ(code_of(many), ErrorCode::kLimit);
}

TEST(Spec, KeepsTerminalControlOutOfMessages) {
  const auto message = Spec::parse("topk:\x1b[31m=4").error().message;
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
}

TEST(Spec, ReadsNumbersStrictly) {
  const auto conv = convention(16, 4);
  for (const char* bad : {"nan", "inf", "-inf", "1e999", "0x1", "+0.5", "0.5 ", "0,5", "", "one"}) {
    EXPECT_FALSE(make_router(fmt::format("relative:t={}", bad), conv, {}).has_value()) << bad;
  }
  for (const char* bad : {"1.0", "-1", "4x", "99999999999999999999", "0", "17"}) {
    EXPECT_FALSE(make_router(fmt::format("topk:k={}", bad), conv, {}).has_value()) << bad;
  }
  EXPECT_THAT(refusal("relative:t=1.5", conv), HasSubstr("outside 0..1"));
  EXPECT_THAT(refusal("topk:k=17", conv), HasSubstr("outside 1..16"));
}

TEST(Spec, AnswersUnknownNamesWithTheList) {
  const auto conv = convention(16, 4);
  EXPECT_THAT(refusal("greedy", conv), HasSubstr("there are: auto, topk, grouped, relative"));
  EXPECT_THAT(refusal("topk:n=3", conv), HasSubstr("it takes: k, weights, fallback"));
  EXPECT_THAT(refusal("topk:weights=x", conv), HasSubstr("there are: checkpoint, mass"));
  EXPECT_THAT(refusal("topk:fallback=x", conv), HasSubstr("single_expert, random, load_balance"));
  EXPECT_THAT(refusal("difficulty:estimator=x,mean_k=2", conv),
              HasSubstr("there are: variance, entropy, margin, mass, prior, p1"));
}

TEST(Spec, RefusesContradictoryKeys) {
  const auto conv = convention(16, 4);
  for (const char* bad : {"auto:k=3",
                          "relative",
                          "relative:t=0.1,mean_k=2",
                          "top-p",
                          "top-p:theta=0.1,k_min=5,k_max=4",
                          "entropy",
                          "entropy:a=0.1",
                          "entropy:a=0.5,b=0.5",
                          "entropy:a=0,b=1,mean_k=2",
                          "entropy:thresholds=0.1,k_max=4",
                          "entropy:thresholds=0.3/0.2/0.1",
                          "per-layer",
                          "per-layer:k=4/4",
                          "per-layer:k=4,mean_k=2",
                          "per-layer:k=4,k_max=4",
                          "per-layer:mean_k=9",
                          "random:mean_k=5",
                          "random:histogram=1/2",
                          "random:histogram=0/0/0/0",
                          "grouped:groups=3",
                          "grouped:groups=4,topk_group=1,k=5",
                          "grouped:weights=mass",
                          "difficulty:estimator=prior,a=0,b=9"}) {
    EXPECT_FALSE(make_router(bad, conv, {}).has_value()) << bad;
  }
}

TEST(Spec, PrintsCanonicallyAndReadsBackTheSame) {
  const auto conv = convention(16, 4, true, 3);
  const std::pair<const char*, const char*> cases[] = {
      {"auto", "topk:k=4"},
      {"auto:weights=mass", "topk:k=4,weights=mass"},
      {"topk", "topk:k=4"},
      {"relative:k_min=2,t=0.20", "relative:t=0.2,k_min=2,k_max=4"},
      {"top-p:theta=0.6,k_max=6", "top-p:theta=0.6,k_min=1,k_max=6"},
      {"entropy:a=-0.1,b=0.9", "entropy:a=-0.1,b=0.9,k_min=1,k_max=4"},
      {"margin:thresholds=0.1/0.2,k_max=3", "margin:thresholds=0.1/0.2,k_min=1,k_max=3"},
      {"difficulty:a=1,b=2,estimator=p1", "difficulty:estimator=p1,a=1,b=2,k_min=1,k_max=4"},
      {"per-layer:k=4/3/2", "per-layer:k=4/3/2"},
      {"random:k_max=6", "random:mean_k=3.5,k_min=1,k_max=6"},
      {"grouped:groups=4,topk_group=2", "grouped:groups=4,topk_group=2,k=4,scale=1"},
      {"topk:fallback=random,weights=mass", "topk:k=4,weights=mass,fallback=random"},
  };
  for (const auto& [given, canonical] : cases) {
    EXPECT_EQ(router(given, conv)->spec(), canonical);
    EXPECT_EQ(router(canonical, conv)->spec(), canonical);
  }
}

// Buffers are sized by it before the calibration file is read.
TEST(LargestK, IsKnownWithoutTheCalibration) {
  const auto conv = convention(8, 2);
  EXPECT_EQ(largest_k("topk:k=5", conv).value(), 5U);
  EXPECT_EQ(largest_k("auto", conv).value(), 2U);
  EXPECT_EQ(largest_k("top-p:mean_k=2,k_max=4", conv).value(), 4U);
  EXPECT_EQ(largest_k("entropy:mean_k=2,k_min=3", conv).value(), 3U);
  EXPECT_EQ(largest_k("per-layer:mean_k=2,k_max=4", conv).value(), 4U);
  EXPECT_EQ(largest_k("difficulty:estimator=variance,mean_k=1.5", conv).value(), 2U);
  EXPECT_EQ(largest_k("top-p:mean_k=2,k_max=9", conv).error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace switchyard::routing

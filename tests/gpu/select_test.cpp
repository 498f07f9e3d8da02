// The device's choice of experts is the router's, to the bit: every policy that looks at the gate
// alone, over widths around each step of the kernel, and rows that the host must decide.
#include <limits>

#include "runtime/routing/router.h"
#include "tests/conformance/kernels/kernel_fixture.h"

namespace switchyard::kernels::test {
namespace {

using routing::RouterConvention;

RouterConvention convention(std::size_t experts, std::size_t k, routing::Scoring scoring,
                            bool renormalise) {
  RouterConvention out;
  out.layers = 2;
  out.experts = experts;
  out.k_static = k;
  out.scoring = scoring;
  out.renormalise = renormalise;
  out.scale = renormalise ? 1.0F : 2.5F;
  return out;
}

class Select : public KernelTest {
 protected:
  // Rows of [tokens, experts]: some sharp, some flat, some with many equal logits, some extreme.
  static Values gate(std::size_t tokens, std::size_t experts, std::uint64_t seed) {
    Values logits = random_values(tokens * experts, seed, 1.0F);
    for (std::size_t t = 0; t < tokens; ++t) {
      const float scale = t % 5 == 0 ? 0.01F : t % 5 == 1 ? 40.0F : t % 5 == 2 ? 200.0F : 4.0F;
      for (std::size_t e = 0; e < experts; ++e) {
        float& z = logits[t * experts + e];
        z = t % 5 == 4 ? static_cast<float>(static_cast<int>(z * 2)) : z * scale;
      }
    }
    return logits;
  }

  void expect_routers_choice(std::string_view spec, const RouterConvention& convention,
                             const Values& logits) {
    SCOPED_TRACE(fmt::format("{}, {} experts", spec, convention.experts));
    auto made = routing::make_router(spec, convention, {});
    ASSERT_TRUE(made) << made.error().message;
    const auto& router = **made;
    const std::size_t tokens = logits.size() / convention.experts;
    const MatrixView<const float> rows(logits.data(), tokens, convention.experts);
    routing::Selections wanted;
    router.route(1, rows, {}, wanted);
    SelectionRule rule;
    ASSERT_TRUE(router.compile(1, rule));
    const std::size_t k_max = rule.k_max + 3;  // a row may be longer than it needs
    std::vector<std::uint32_t, SharedAllocator<std::uint32_t>> count(tokens, 99);
    std::vector<std::uint32_t, SharedAllocator<std::uint32_t>> experts(tokens * k_max, 77777);
    Values weights(tokens * k_max, -1.0F);
    auto* const selector = device_->expert_selector();
    ASSERT_NE(selector, nullptr);
    selector->select(rows, rule, {k_max, count, experts, weights});
    ASSERT_TRUE(device_->synchronize());
    for (std::size_t t = 0; t < tokens; ++t) {
      ASSERT_EQ(count[t], wanted.k(t)) << "token " << t;
      for (std::size_t j = 0; j < k_max; ++j) {
        const std::size_t at = t * k_max + j;
        const std::size_t slot = wanted.slot_begin[t] + j;
        const bool kept = j < count[t];
        ASSERT_EQ(experts[at], kept ? wanted.experts[slot].value() : 77777U)
            << "token " << t << ", rank " << j;
        const float weight = kept ? wanted.weights[slot] : -1.0F;
        ASSERT_EQ(std::memcmp(&weights[at], &weight, sizeof weight), 0)
            << "token " << t << ", rank " << j << ": " << weights[at] << ", not " << weight;
      }
    }
  }
};

TEST_P(Select, IsTheRoutersChoiceUnderEveryRule) {
  const std::vector<std::string> specs{
      "topk:k=1",
      "topk:k=6",
      "per-layer:k=2/5",
      "relative:t=0.3,k_min=1,k_max=6",
      "relative:t=0,k_min=1,k_max=4",
      "top-p:theta=0.6,k_min=1,k_max=6",
      "top-p:theta=1,k_min=1,k_max=5",
      "top-p:theta=0.9,k_min=2,k_max=7,weights=mass",
      "entropy:a=0.1,b=0.9,k_min=1,k_max=6",
      "margin:thresholds=0.2/0.5/0.9,k_min=1,k_max=4",
      "difficulty:estimator=mass,thresholds=0.1/0.4,k_min=2,k_max=4",
      "difficulty:estimator=p1,a=0.1,b=0.8,k_min=1,k_max=5",
      "grouped:groups=2,topk_group=1,k=3",
      "grouped:groups=4,topk_group=2,k=4,scale=2.5"};
  for (const std::size_t experts : {8U, 40U, 64U, 132U}) {
    const auto logits = gate(11, experts, experts);
    for (const auto scoring : {routing::Scoring::kSoftmax, routing::Scoring::kSigmoid}) {
      for (const bool renormalise : {true, false}) {
        for (const auto& spec : specs) {
          expect_routers_choice(spec, convention(experts, 4, scoring, renormalise), logits);
        }
      }
    }
  }
}

TEST_P(Select, WorksAtTheEdgesOfItsWidths) {
  for (const std::size_t experts : {1U, 2U, 7U, 9U, 31U, 33U, 255U, 1024U}) {
    const auto all = experts > 64 ? std::size_t{30} : experts;
    const auto logits = gate(3, experts, 200 + experts);
    for (const auto scoring : {routing::Scoring::kSoftmax, routing::Scoring::kSigmoid}) {
      const auto conv = convention(experts, 1, scoring, true);
      expect_routers_choice(fmt::format("topk:k={}", all), conv, logits);
      expect_routers_choice("entropy:a=0.2,b=0.8,k_min=1,k_max=1", conv, logits);
      expect_routers_choice("margin:a=0.2,b=0.8,k_min=1,k_max=1", conv, logits);
    }
  }
}

TEST_P(Select, ReadsTheBiasOfItsLayer) {
  constexpr std::size_t kExperts = 16;
  std::string file = ::testing::TempDir() + "select_bias.json";
  std::FILE* const out = std::fopen(file.c_str(), "w");
  ASSERT_NE(out, nullptr);
  std::fputs("[[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],[0.5,0,0,-0.25,0,0,0,0,0,0,0.125,0,0,0,0,0.75]]",
             out);
  std::fclose(out);
  expect_routers_choice("grouped:groups=4,topk_group=2,k=3,bias=" + file,
                        convention(kExperts, 3, routing::Scoring::kSigmoid, true),
                        gate(9, kExperts, 5));
}

TEST_P(Select, LeavesRowsThatAreNotFiniteToTheHost) {
  constexpr std::size_t kExperts = 40;
  auto logits = gate(6, kExperts, 6);
  logits[0 * kExperts + 39] = std::numeric_limits<float>::quiet_NaN();
  logits[2 * kExperts] = std::numeric_limits<float>::infinity();
  logits[5 * kExperts + 20] = -std::numeric_limits<float>::infinity();
  const auto made = routing::make_router(
      "topk:k=2", convention(kExperts, 2, routing::Scoring::kSoftmax, true), {});
  SelectionRule rule;
  ASSERT_TRUE((*made)->compile(0, rule));
  std::vector<std::uint32_t, SharedAllocator<std::uint32_t>> count(6, 99);
  std::vector<std::uint32_t, SharedAllocator<std::uint32_t>> experts(12);
  Values weights(12);
  device_->expert_selector()->select({logits.data(), 6, kExperts}, rule,
                                     {2, count, experts, weights});
  ASSERT_TRUE(device_->synchronize());
  EXPECT_EQ((std::vector<std::uint32_t>(count.begin(), count.end())),
            (std::vector<std::uint32_t>{0, 2, 0, 2, 2, 0}));
}

INSTANTIATE_TEST_SUITE_P(Cuda, Select, ::testing::ValuesIn(every_kernel_case()), case_name);

// What needs more than the gate stays on the host.
TEST(CompiledRules, AreThoseThatLookAtTheGateAlone) {
  const auto conv = convention(8, 2, routing::Scoring::kSoftmax, true);
  SelectionRule rule;
  for (const char* spec : {"random:mean_k=2,k_min=1,k_max=4",
                           "difficulty:estimator=variance,a=0.5,b=2,k_min=1,k_max=4"}) {
    const auto made = routing::make_router(spec, conv, {});
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_FALSE((*made)->compile(0, rule)) << spec;
  }
}

}  // namespace
}  // namespace switchyard::kernels::test

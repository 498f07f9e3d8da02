// Laws of routing that hold for every gate; each run draws its own and prints its seed on failure.
#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>

#include "tests/unit/routing/routing_helpers.h"

namespace switchyard::routing {
namespace {

using testing::convention;
using testing::ids;
using testing::route;
using testing::router;

constexpr std::size_t kTokens = 40;

// A model and a gate for one run.
struct Trial {
  explicit Trial(std::uint64_t with_seed) : seed(with_seed), random(with_seed) {
    const std::size_t widths[] = {4, 8, 13, 16, 60, 64, 128, 256};
    experts = widths[random.next_below(8)];
    model = convention(experts, 1 + random.next_below(std::min<std::size_t>(experts, 8)),
                       random.next_below(2) == 0);
    logits = testing::synthetic_gate(kTokens, experts, seed, 0.3 + 3 * random.next_unit());
    // Some tokens have ties, as bf16 gates do.
    for (std::size_t i = 0; i < logits.size() / 4; ++i) logits[i] = std::round(2 * logits[i]) / 2;
    k_min = 1 + random.next_below(model.k_static);
    k_max = k_min + random.next_below(experts - k_min + 1);
  }
  [[nodiscard]] Selections with(std::string_view spec) const {
    return route(*router(spec, model), logits, experts);
  }
  [[nodiscard]] std::string range() const { return fmt::format("k_min={},k_max={}", k_min, k_max); }
  // The double-precision softmax of a token in rank order.
  [[nodiscard]] std::vector<double> ranked_softmax(std::size_t token) const {
    const auto z = std::span(logits).subspan(token * experts, experts);
    const double top = *std::max_element(z.begin(), z.end());
    std::vector<double> p;
    for (const float v : z) p.push_back(std::exp(static_cast<double>(v) - top));
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& v : p) v /= sum;
    std::sort(p.begin(), p.end(), std::greater<>());
    return p;
  }

  std::uint64_t seed;
  Random random;
  std::size_t experts = 0;
  RouterConvention model;
  std::vector<float> logits;
  std::size_t k_min = 1;
  std::size_t k_max = 1;
};

template <class Check>
void for_each_trial(Check&& check) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Trial trial(seed);
    check(trial);
    if (::testing::Test::HasFailure()) return;
  }
}

void expect_equal(const Selections& a, const Selections& b) {
  EXPECT_EQ(a.slot_begin, b.slot_begin);
  EXPECT_EQ(a.experts, b.experts);
  EXPECT_EQ(a.weights, b.weights);  // bitwise: finite and never -0
  EXPECT_EQ(a.fallbacks, b.fallbacks);
}

std::vector<std::string> all_rules(const Trial& trial) {
  const auto range = trial.range();
  return {"topk",
          "relative:t=0.3," + range,
          "top-p:theta=0.7," + range,
          "entropy:a=0.2,b=0.9," + range,
          "margin:a=0,b=1," + range,
          "difficulty:estimator=mass,a=0,b=1," + range,
          "random:" + range};
}

TEST(RoutingLaws, SelectionsAreWellFormed) {
  for_each_trial([](const Trial& trial) {
    for (const auto& spec : all_rules(trial)) {
      const auto out = trial.with(spec);
      ASSERT_EQ(out.token_count(), kTokens) << spec;
      ASSERT_EQ(out.slot_begin.back(), out.slot_count());
      for (std::size_t t = 0; t < kTokens; ++t) {
        auto chosen = ids(out, t);
        const auto z = std::span(trial.logits).subspan(t * trial.experts, trial.experts);
        for (std::size_t i = 1; i < chosen.size(); ++i) {
          ASSERT_TRUE(z[chosen[i - 1]] > z[chosen[i]] ||
                      (z[chosen[i - 1]] == z[chosen[i]] && chosen[i - 1] < chosen[i]))
              << spec << " token " << t;
        }
        std::sort(chosen.begin(), chosen.end());
        ASSERT_EQ(std::unique(chosen.begin(), chosen.end()), chosen.end());
        if (spec != "topk") {
          ASSERT_GE(out.k(t), trial.k_min) << spec;
          ASSERT_LE(out.k(t), trial.k_max) << spec;
        }
        double sum = 0;
        for (auto s = out.slot_begin[t]; s < out.slot_begin[t + 1]; ++s) {
          sum += static_cast<double>(out.weights[s]);
        }
        if (trial.model.renormalise) {
          ASSERT_NEAR(sum, 1.0, 1e-5) << spec;
        } else {
          ASSERT_LE(sum, 1.0 + 1e-5) << spec;
        }
      }
    }
  });
}

TEST(RoutingLaws, TopPIsTheFewestExpertsThatReachTheta) {
  for_each_trial([](Trial& trial) {
    const double theta = trial.random.next_unit();
    const auto out = trial.with(fmt::format("top-p:theta={},{}", theta, trial.range()));
    for (std::size_t t = 0; t < kTokens; ++t) {
      const auto p = trial.ranked_softmax(t);
      double sum = 0;
      std::size_t fewest = 0;
      double nearest = 1;
      while (fewest < p.size() && sum < theta) {
        sum += p[fewest++];
        nearest = std::min(nearest, std::abs(sum - theta));
      }
      if (nearest < 1e-6) continue;  // a matter of rounding
      ASSERT_EQ(out.k(t), std::clamp(fewest, trial.k_min, trial.k_max)) << "token " << t;
    }
  });
}

TEST(RoutingLaws, RelativeKeepsWhatIsCloseToTheBest) {
  for_each_trial([](Trial& trial) {
    const double least = trial.random.next_unit();
    const auto out = trial.with(fmt::format("relative:t={},{}", least, trial.range()));
    for (std::size_t t = 0; t < kTokens; ++t) {
      const auto p = trial.ranked_softmax(t);
      std::size_t close = 0;
      bool rounding = false;
      for (const double v : p) {
        close += v >= least * p[0] ? 1 : 0;
        rounding = rounding || std::abs(v / p[0] - least) < 1e-6;
      }
      if (rounding) continue;
      ASSERT_EQ(out.k(t), std::clamp(close, trial.k_min, trial.k_max)) << "token " << t;
    }
  });
}

TEST(RoutingLaws, ALooserThresholdKeepsAPrefixMore) {
  for_each_trial([](const Trial& trial) {
    for (const char* rule : {"relative:t={},{}", "top-p:theta={},{}"}) {
      Selections before;
      for (const double value : {0.0, 0.01, 0.1, 0.3, 0.5, 0.9, 1.0}) {
        const bool relative = rule[0] == 'r';
        const auto out = trial.with(
            fmt::format(fmt::runtime(rule), relative ? 1.0 - value : value, trial.range()));
        for (std::size_t t = 0; t < kTokens && before.token_count() > 0; ++t) {
          const auto some = ids(before, t);
          const auto more = ids(out, t);
          ASSERT_LE(some.size(), more.size());
          ASSERT_TRUE(std::equal(some.begin(), some.end(), more.begin()));
        }
        before = out;
      }
    }
  });
}

TEST(RoutingLaws, DegenerateRulesAreTheStaticRule) {
  for_each_trial([](const Trial& trial) {
    const auto fixed = trial.with("topk");
    const std::size_t k = trial.model.k_static;
    expect_equal(trial.with("relative:t=0"), fixed);
    expect_equal(trial.with("top-p:theta=1"), fixed);
    expect_equal(trial.with(fmt::format("per-layer:k={}", k)), fixed);
    expect_equal(trial.with(fmt::format("random:k_min={},k_max={}", k, k)), fixed);
    for (const char* rule : {"relative:t=0.5", "top-p:theta=0.5", "entropy:a=0,b=1",
                             "margin:a=0,b=1", "difficulty:a=0,b=1"}) {
      expect_equal(trial.with(fmt::format("{},k_min={},k_max={}", rule, k, k)), fixed);
    }
  });
}

// Neither batch-mates nor their order matter: a token alone is the same token.
TEST(RoutingLaws, DecisionsAreTheTokensOwn) {
  for_each_trial([](Trial& trial) {
    std::vector<std::uint32_t> order(kTokens);
    std::iota(order.begin(), order.end(), 0U);
    for (std::size_t i = kTokens; i > 1; --i) {
      std::swap(order[i - 1], order[trial.random.next_below(i)]);
    }
    std::vector<float> shuffled;
    for (const auto t : order) {
      const auto row = std::span(trial.logits).subspan(t * trial.experts, trial.experts);
      shuffled.insert(shuffled.end(), row.begin(), row.end());
    }
    for (const auto& spec : all_rules(trial)) {
      const auto made = router(spec, trial.model);
      const auto out = route(*made, trial.logits, trial.experts);
      TokenSignals signals;
      signals.positions = order;  // a token keeps its position
      const auto permuted = route(*made, shuffled, trial.experts, signals);
      for (std::size_t i = 0; i < kTokens; ++i) {
        ASSERT_EQ(ids(permuted, i), ids(out, order[i])) << spec;
        ASSERT_TRUE(std::equal(out.weights.begin() + out.slot_begin[order[i]],
                               out.weights.begin() + out.slot_begin[order[i] + 1],
                               permuted.weights.begin() + permuted.slot_begin[i]));
      }
    }
  });
}

TEST(RoutingLaws, NonFiniteLogitsFireTheFallbackForThatTokenOnly) {
  for_each_trial([](Trial& trial) {
    const auto clean = trial.logits;
    const std::size_t token = trial.random.next_below(kTokens);
    const float bad[] = {NAN, INFINITY, -INFINITY};
    trial.logits[token * trial.experts + trial.random.next_below(trial.experts)] =
        bad[trial.random.next_below(3)];
    for (const auto& spec : all_rules(trial)) {
      const auto made = router(spec, trial.model);
      const auto out = route(*made, trial.logits, trial.experts);
      const auto before = route(*made, clean, trial.experts);
      for (std::size_t t = 0; t < kTokens; ++t) {
        ASSERT_EQ(out.fallbacks[t] != Fallback::kNone, t == token) << spec;
        if (t != token) {
          ASSERT_EQ(ids(out, t), ids(before, t)) << spec;
        }
      }
      for (const float w : out.weights) ASSERT_TRUE(std::isfinite(w));
    }
  });
}

}  // namespace
}  // namespace switchyard::routing

// tests/unit/routing/routing_helpers.h -- shared by the routing tests: golden logits, synthetic
// gates.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/routing/router.h"

namespace switchyard::routing::testing {

// The token of the golden vectors; softmax 0.402728, 0.020051, 0.089861, 0.244267, 0.033058,
// 0.054503, 0.148155, 0.007376.
inline const std::vector<float> kGolden = {2, -1, 0.5F, 1.5F, -0.5F, 0, 1, -2};

inline RouterConvention convention(std::size_t experts, std::size_t k, bool renormalise = true,
                                   std::size_t layers = 1) {
  RouterConvention out;
  out.layers = layers;
  out.experts = experts;
  out.k_static = k;
  out.renormalise = renormalise;
  return out;
}

inline std::unique_ptr<Router> router(std::string_view spec, const RouterConvention& conv,
                                      std::string_view calibration = {}) {
  auto made = make_router(spec, conv, calibration);
  EXPECT_TRUE(made.has_value()) << spec << ": " << (made ? "" : made.error().message);
  return made ? std::move(made).value() : nullptr;
}

// What a bad spec is answered with.
inline std::string refusal(std::string_view spec, const RouterConvention& conv,
                           std::string_view calibration = {}) {
  const auto made = make_router(spec, conv, calibration);
  EXPECT_FALSE(made.has_value()) << spec;
  return made ? "" : made.error().message;
}

// Routes one layer; positions 0.., seeds and token ids 0 unless given.
inline Selections route(const Router& with, const std::vector<float>& logits, std::size_t experts,
                        TokenSignals signals = {}, std::size_t layer = 0) {
  const std::size_t tokens = logits.size() / experts;
  std::vector<std::uint32_t> positions(tokens);
  for (std::uint32_t t = 0; t < tokens; ++t) positions[t] = t;
  if (signals.positions.empty()) signals.positions = positions;
  Selections out;
  out.reserve(tokens, with.k_max());
  with.route(layer, MatrixView<const float>(logits.data(), tokens, experts), signals, out);
  return out;
}

inline std::vector<std::uint32_t> ids(const Selections& selections, std::size_t token = 0) {
  std::vector<std::uint32_t> out;
  for (auto s = selections.slot_begin[token]; s < selections.slot_begin[token + 1]; ++s) {
    out.push_back(selections.experts[s].value());
  }
  return out;
}

inline void expect_weights(const Selections& selections, const std::vector<double>& expected) {
  ASSERT_EQ(selections.weights.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(selections.weights[i]), expected[i], 1.5e-6) << "slot " << i;
  }
}

// Gaussian logits whose sharpness differs from token to token, as a gate's does. [tokens, experts]
inline std::vector<float> synthetic_gate(std::size_t tokens, std::size_t experts,
                                         std::uint64_t seed, double sharpness = 1.5) {
  Random random(seed);
  const auto normal = [&random] {
    const double u = 1.0 - random.next_unit();
    return std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * random.next_unit());
  };
  std::vector<float> out;
  out.reserve(tokens * experts);
  for (std::size_t t = 0; t < tokens; ++t) {
    const double scale = sharpness * std::exp(0.6 * normal());
    for (std::size_t e = 0; e < experts; ++e) out.push_back(static_cast<float>(scale * normal()));
  }
  return out;
}

}  // namespace switchyard::routing::testing

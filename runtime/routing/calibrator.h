// runtime/routing/calibrator.h -- records the gate on a calibration text and finds thresholds for
// budgets. Feed it every layer's logits, ask it for any number of specs with mean_k=, write the
// file. Keeps a bounded sample of tokens per layer (reservoir sampling with a counter-based hash:
// the same feed gives the same sample). Not an evaluator of quality: that is `eval` with the found
// spec. Thread safety: distinct objects: safe; shared objects: unsafe (solve() is const: safe
// together).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/view.h"
#include "runtime/routing/calibration.h"
#include "runtime/routing/router.h"

namespace switchyard::routing {

struct CalibratorOptions {
  std::size_t tokens_max = 65536;                  // sample per layer, at most
  std::size_t bytes_max = std::size_t{256} << 20;  // of all samples together
  std::uint64_t seed = 0;                          // of the sampling
};

class Calibrator {
 public:
  // Errors: kBadInput for a convention outside the router's limits.
  [[nodiscard]] static Result<Calibrator> create(const RouterConvention& convention,
                                                 std::string family, CalibratorOptions options);
  ~Calibrator();
  Calibrator(Calibrator&&) noexcept;
  Calibrator& operator=(Calibrator&&) noexcept;

  // logits [T, E] of MoE layer `layer`; signals as for Router::route. Rows that are not finite are
  // left out. Token ids are counted in layer 0, and each layer's experts, all of them, sampled or
  // not.
  void observe(std::size_t layer, MatrixView<const float> logits, const TokenSignals& signals);

  // Thresholds for a spec with mean_k=, with the mean k that they reach on the sample.
  // Errors: kUsage for a spec without mean_k= or of a policy without calibration; kBadInput where
  // nothing, or not the signal that the spec needs, was recorded.
  [[nodiscard]] Result<CalibrationEntry> solve(std::string_view spec) const;

  // A calibration with these entries, ready for to_json().
  [[nodiscard]] Calibration calibration(std::vector<CalibrationEntry> entries) const;

  // Tokens seen in layer 0.
  [[nodiscard]] std::uint64_t token_count() const noexcept;

 private:
  class Samples;
  explicit Calibrator(std::unique_ptr<Samples> samples);
  std::unique_ptr<Samples> samples_;
};

// Whether solve() would take the spec, without any recorded tokens: for an answer before they are
// recorded. Errors: kUsage.
[[nodiscard]] Result<void> check_budget(std::string_view spec, const RouterConvention& convention);

}  // namespace switchyard::routing

// runtime/routing/calibration.h -- what calibration found for one model: thresholds that reach a
// mean k. The file is JSON; calibrator.h makes it, make_router() reads it.
//   {"format": "switchyard-calibration", "version": 1,
//    "model": {"family": "qwen3_moe", "layers": 5, "experts": 16, "k_static": 4},
//    "tokens": 65536,                       tokens that were observed
//    "entries": [{"spec": "top-p:mean_k=2,k_min=1,k_max=6",     canonical, without weights/fallback
//                 "mean_k": 2.0003,                              reached on the recorded tokens
//                 "thresholds": [[0.75], [0.75], ...]}],         one list per MoE layer
//    "token_counts": [12, 0, ...],          optional: uses of each token id, for estimator=prior
//    "expert_loads": [[9, 0, ...], ...]}    optional: per MoE layer, how many of the tokens had
//    each
//                                           expert among their k_static best; fallback=load_balance
// Thread safety: distinct objects: safe; shared const objects: safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/routing/router.h"

namespace switchyard::routing {

// [layers][count] ascending thresholds; what they mean is the rule's affair.
struct LayerThresholds {
  std::size_t count = 0;
  std::vector<double> values;  // [layers * count]

  [[nodiscard]] std::span<const double> of(std::size_t layer) const noexcept {
    return std::span(values).subspan(layer * count, count);
  }
  // The same thresholds for every layer.
  [[nodiscard]] static LayerThresholds uniform(std::size_t layers, std::span<const double> each);
};

struct CalibrationEntry {
  std::string spec;
  double mean_k = 0;
  LayerThresholds thresholds;
};

struct Calibration {
  std::string family;  // printed, not compared: a router does not know its family
  std::size_t layers = 0;
  std::size_t experts = 0;
  std::size_t k_static = 0;
  std::uint64_t tokens = 0;
  std::vector<CalibrationEntry> entries;
  std::vector<std::uint64_t> token_counts;  // [vocab] or empty
  std::vector<std::uint64_t> expert_loads;  // [layers * experts] or empty

  // Strict. Errors: kBadInput naming the key ("calibration: entries[2].thresholds: ...").
  [[nodiscard]] static Result<Calibration> parse(std::string_view json);
  [[nodiscard]] std::string to_json() const;
  // Errors: kUsage where the model is another one.
  [[nodiscard]] Result<void> check_model(const RouterConvention& convention) const;
  // The entry of a canonical spec. Errors: kUsage, with the list of what there is.
  [[nodiscard]] Result<const CalibrationEntry*> find(std::string_view spec) const;
};

}  // namespace switchyard::routing

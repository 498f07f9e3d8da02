// runtime/routing/selection.h -- the routing decision of a batch: which experts, with what weights.
// Slot order is the order of decreasing score; the combine sums in this order (law 1).
// Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/ids.h"

namespace switchyard::routing {

// Which rule produced a token's experts.
enum class Fallback : std::uint8_t { kNone, kRandom, kSingleExpert, kLoadBalance };

// Selections of T tokens, ragged: token t has the slots slot_begin[t] .. slot_begin[t+1]-1.
// Storage is reserved once (reserve) and reused each layer: clear() and push keep capacity.
struct Selections {
  std::vector<std::uint32_t> slot_begin{0};  // [T + 1]
  std::vector<ExpertId> experts;             // [slots], distinct within a token
  std::vector<float> weights;                // [slots]
  std::vector<Fallback> fallbacks;           // [T]

  void reserve(std::size_t tokens, std::size_t k_max) {
    slot_begin.reserve(tokens + 1);
    experts.reserve(tokens * k_max);
    weights.reserve(tokens * k_max);
    fallbacks.reserve(tokens);
  }
  void clear() noexcept {
    slot_begin.resize(1);
    experts.clear();
    weights.clear();
    fallbacks.clear();
  }
  [[nodiscard]] std::size_t token_count() const noexcept { return slot_begin.size() - 1; }
  [[nodiscard]] std::size_t slot_count() const noexcept { return experts.size(); }
  [[nodiscard]] std::uint32_t k(std::size_t token) const noexcept {
    return slot_begin[token + 1] - slot_begin[token];
  }
};

}  // namespace switchyard::routing

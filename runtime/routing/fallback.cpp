#include "runtime/routing/fallback.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/base/random.h"

namespace switchyard::routing {
namespace {

constexpr std::uint64_t kPurpose = 0x66616C6C6261636BULL;  // separates these draws from others

// The `count` best finite logits; 0 of them where no logit is finite.
void rank_finite(std::span<const float> logits, std::size_t count, Ranked& out) noexcept {
  // As in Ranked. NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
  std::array<float, kExpertsMax> keys;
  std::size_t finite = 0;
  for (std::size_t e = 0; e < logits.size(); ++e) {
    const bool good = std::isfinite(logits[e]);
    finite += good ? 1 : 0;
    keys[e] = good ? logits[e] : -std::numeric_limits<float>::infinity();
  }
  rank_best(std::span(keys).first(logits.size()), std::min(count, finite), out);
}

void random_experts(std::size_t experts, std::size_t count, std::uint64_t seed,
                    Ranked& out) noexcept {
  for (std::uint32_t e = 0; e < experts; ++e) out.ids[e] = e;
  Random random(seed);
  for (std::size_t i = 0; i < count; ++i) {  // the first steps of a Fisher-Yates shuffle
    std::swap(out.ids[i], out.ids[i + random.next_below(experts - i)]);
  }
  out.count = count;
}

// Leaves the chosen candidate as the only one.
void balance(const FallbackSetup& setup, std::size_t experts, const TokenView& token,
             std::uint64_t seed, Ranked& out) noexcept {
  if (out.count == 0) {
    for (std::uint32_t e = 0; e < experts; ++e) out.ids[e] = e;
    out.count = experts;
  }
  const auto candidates = std::span(out.ids).first(out.count);
  std::uint32_t chosen = candidates[seed % candidates.size()];
  if (!setup.loads.empty()) {
    const auto loads = std::span(setup.loads).subspan(token.layer * experts, experts);
    // Equal loads keep the better ranked candidate.
    chosen = *std::min_element(candidates.begin(), candidates.end(),
                               [loads](auto a, auto b) { return loads[a] < loads[b]; });
  }
  out.ids[0] = chosen;
  out.count = 1;
}

}  // namespace

void fallback_experts(const FallbackSetup& setup, std::span<const float> logits,
                      const TokenView& token, Ranked& out) noexcept {
  const std::uint64_t seed =
      hash_counters(token.sequence_seed, token.layer, token.position, kPurpose);
  const std::size_t experts = logits.size();
  switch (setup.kind) {
    case Fallback::kRandom: random_experts(experts, setup.random_count, seed, out); return;
    case Fallback::kLoadBalance:
      rank_finite(logits, setup.candidates, out);
      balance(setup, experts, token, seed, out);
      return;
    case Fallback::kNone:
    case Fallback::kSingleExpert:
      rank_finite(logits, 1, out);
      if (out.count == 0) {
        out.ids[0] = token.token_id % static_cast<std::uint32_t>(experts);
        out.count = 1;
      }
      return;
  }
}

}  // namespace switchyard::routing

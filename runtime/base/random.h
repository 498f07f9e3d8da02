// runtime/base/random.h -- counter-based randomness: a value is a function of (seed, counters).
// No hidden state, so results do not depend on the order or the rank that asks.
// Mixing function: splitmix64 (Steele, Lea, Flood 2014).
#pragma once

#include <cstdint>

namespace switchyard {

[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

// One 64-bit value for a seed and up to three counters (layer, position, purpose, ...).
[[nodiscard]] constexpr std::uint64_t hash_counters(std::uint64_t seed, std::uint64_t a,
                                                    std::uint64_t b = 0,
                                                    std::uint64_t c = 0) noexcept {
  return mix64(mix64(mix64(mix64(seed) ^ a) ^ b) ^ c);
}

// Uniform in [0, 1): the top 53 bits.
[[nodiscard]] constexpr double to_unit(std::uint64_t bits) noexcept {
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

// A sequential generator for tests, shuffles and synthetic weights.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(mix64(seed)) {}
  constexpr std::uint64_t next() noexcept { return mix64(state_ += 0x9E3779B97F4A7C15ULL); }
  constexpr double next_unit() noexcept { return to_unit(next()); }
  // Uniform in [0, bound); bound > 0. The bias is below 2^-32 for bounds below 2^32.
  constexpr std::uint64_t next_below(std::uint64_t bound) noexcept { return next() % bound; }

 private:
  std::uint64_t state_;
};

}  // namespace switchyard

// kernels/ops/greatest.h -- where a row of logits is greatest: the one rule of greedy decoding,
// which the sampler, the cpu device and the CUDA kernel follow alike. Not a draw
// (runtime/engine/sampler.h). Thread safety: pure functions.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>

namespace switchyard::kernels {

// Where there is nothing to choose from.
inline constexpr std::uint32_t kNoIndex = std::numeric_limits<std::uint32_t>::max();

// The first index of the greatest value. A NaN counts as -infinity; where the greatest is not
// finite, or there is none, kNoIndex. Two passes, so that the compiler can use vectors for the
// first.
[[nodiscard]] inline std::uint32_t index_of_greatest(std::span<const float> row) noexcept {
  constexpr std::size_t kLanes = 32;
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  std::array<float, kLanes> top{};
  top.fill(kLowest);
  std::size_t at = 0;
  for (; at + kLanes <= row.size(); at += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float value = row[at + lane];
      top[lane] = value > top[lane] ? value : top[lane];
    }
  }
  for (; at < row.size(); ++at) top[0] = row[at] > top[0] ? row[at] : top[0];
  const float greatest = *std::ranges::max_element(top);
  if (!(greatest > kLowest && greatest < -kLowest)) return kNoIndex;
  return static_cast<std::uint32_t>(std::ranges::find(row, greatest) - row.begin());
}

}  // namespace switchyard::kernels

// tests/gpu/measure/sizes.h -- what is measured: the shapes of Qwen3-30B-A3B, or small ones for an
// emulated device. Plain values.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/device.h"

namespace switchyard::gpu_measure {

inline kernels::AttentionParams heads_of(std::size_t heads, std::size_t kv_heads,
                                         std::size_t size) {
  kernels::AttentionParams params;
  params.heads = heads;
  params.kv_heads = kv_heads;
  params.head_size = size;
  return params;
}

struct Sizes {
  std::size_t hidden = 2048;
  std::size_t qkv = 5120;
  std::size_t inner = 768;
  std::size_t experts = 128;
  std::size_t experts_a_row = 8;
  std::size_t cold_bytes = std::size_t{256} << 20;  // of copies of a matrix, far above the caches
  std::size_t vocab = 151936;
  std::size_t gate_experts = 128;
  kernels::AttentionParams attention = heads_of(32, 4, 128);
  std::vector<std::size_t> contexts{512, 4096, 32768};
  std::size_t prompt_max = 4096;  // tokens at a time
  std::vector<std::size_t> rows{1, 8, 64, 512, 4096};
  int repeats = 15;
  int calls = 20;  // queued between two looks at the clock
};

inline Sizes small_sizes() {
  Sizes sizes;
  sizes.hidden = 64;
  sizes.qkv = 96;
  sizes.inner = 32;
  sizes.experts = 4;
  sizes.experts_a_row = 2;
  sizes.cold_bytes = 1;
  sizes.vocab = 700;
  sizes.gate_experts = 16;
  sizes.attention = heads_of(4, 2, 16);
  sizes.contexts = {100, 600};
  sizes.prompt_max = 100;
  sizes.rows = {1, 65};
  sizes.repeats = 2;
  sizes.calls = 2;
  return sizes;
}

}  // namespace switchyard::gpu_measure

// kernels/ops/attention.h -- contract of the attention kernels: a tile of query rows of one
// sequence and one kv head against that head's pages, with an online softmax.
// A block is one page of one kv head of one layer: keys as steps (see gemm.h) over the head size,
// [ceil(h / e)][64] with e elements a step, then values as steps over the 64 positions,
// [64 / e][value_columns], value_columns = h rounded up to 16.
// Law: a row walks blocks 0, 1, ... of 64 positions; positions after its own add exact zeros, so
// its bits depend neither on the other rows of the tile nor on how much of the cache is filled.
#pragma once

#include <cstddef>
#include <cstdint>

namespace switchyard::kernels {

inline constexpr std::size_t kAttentionBlock = 64;  // positions; equals kKvPageTokens
inline constexpr std::size_t kAttentionTileRows = 48;
inline constexpr std::size_t kHeadSizeMax = 256;

// Query row i (first_row <= i < first_row + rows) is head i % heads of token i / heads of the run.
struct AttentionTask {
  const std::byte* q = nullptr;  // operand type; head 0 of the group, token 0 of the run
  std::size_t q_token_bytes = 0;
  std::size_t q_head_bytes = 0;
  std::byte* out = nullptr;  // operand type, as q
  std::size_t out_token_bytes = 0;
  std::size_t out_head_bytes = 0;
  std::size_t heads = 0;  // query heads that share this kv head
  std::size_t first_row = 0;
  std::size_t rows = 0;                     // 1..kAttentionTileRows
  const std::uint32_t* position = nullptr;  // of the run's tokens, ascending
  const std::uint32_t* pages = nullptr;
  const std::byte* blocks = nullptr;  // block of page p: blocks + p * page_bytes
  std::size_t page_bytes = 0;
  std::size_t value_offset_bytes = 0;  // of the values in a block
  std::size_t head_size = 0;
  std::size_t value_columns = 0;
  float scale = 0;
  std::byte* scratch = nullptr;  // kAttentionScratchBytes, 64-byte aligned, this thread's own
};

// Scores and probabilities [48][64], sums [48][256], running row sums [48][16], all fp32.
inline constexpr std::size_t kAttentionScratchBytes =
    kAttentionTileRows * (2 * kAttentionBlock + kHeadSizeMax + 16) * sizeof(float);

struct AttentionKernel {
  void (*run)(const AttentionTask& task) = nullptr;
};

}  // namespace switchyard::kernels

// kernels/simd/attention_tile.h -- AttentionKernel::run on top of a Core: for each block of 64 keys
// the scores of all query rows of the tile, a step of the online softmax (Milakov and Gimelshein
// 2018), and the probabilities (rounded to the operand type) times the values. Scores, sums and row
// sums live in the caller's scratch, which stays in the first-level cache.
#pragma once

#include "kernels/ops/attention.h"
#include "kernels/simd/exp.h"
#include "kernels/simd/gemm_core.h"

namespace switchyard::kernels {

template <class Core, std::size_t kTileRows, std::size_t kTileVecs>
struct AttentionTile {
  using V = typename Core::V;
  using F = typename V::F;
  static constexpr std::size_t kLanes = V::kLanes;
  static constexpr std::size_t kBlockVecs = kAttentionBlock / kLanes;
  static constexpr std::size_t kOperandBytes = Core::kBf16 ? 2 : 4;

  struct State {
    float* score;                       // [rows][64]
    std::byte* prob;                    // [rows][64] operand type
    float* sum;                         // [rows][value_columns]
    float* weight;                      // [rows][kLanes]: running sums of probabilities, per lane
    float highest[kAttentionTileRows];  // of the scores so far
    std::size_t position[kAttentionTileRows];
    const std::byte* q[kAttentionTileRows];
  };

  // c[rows][columns] = (0 or c) + x * w, in register tiles.
  template <Start kStart>
  static SY_INLINE void multiply(std::size_t rows, const std::byte* const* x, std::size_t in,
                                 const std::byte* w, std::size_t columns, float* c,
                                 std::size_t c_stride) {
    using Tiles = TileTable<Core, kTileRows, kTileVecs, kStart>;
    static constexpr Tiles kTiles = Tiles::make();
    const std::size_t tiles = (rows + kTileRows - 1) / kTileRows;
    for (std::size_t t = 0; t < tiles; ++t) {
      const std::size_t begin = rows * t / tiles;
      const std::size_t count = rows * (t + 1) / tiles - begin;
      for (std::size_t column = 0; column < columns; column += kTileVecs * kLanes) {
        const std::size_t left = (columns - column) / kLanes;
        const std::size_t vecs = left < kTileVecs ? left : kTileVecs;
        kTiles.call[count - 1][vecs - 1]({x + begin, in, w + column * kStepBytes,
                                          columns * kStepBytes, Prefetch{},
                                          c + begin * c_stride + column, c_stride});
      }
    }
  }

  // Scores of one row -> probabilities against the highest score so far; older sums are rescaled.
  static SY_INLINE void softmax_row(const AttentionTask& task, State& state, std::size_t r,
                                    std::size_t visible) {
    const F lowest = V::set(-3.0e38F);
    const F scale = V::set(task.scale);
    F score[kBlockVecs];
    F top = lowest;
    static_for<kBlockVecs>([&](auto v) {
      const std::size_t begin = v * kLanes;
      const auto mask = V::first(visible > begin ? visible - begin : 0);
      const F raw = V::load(state.score + r * kAttentionBlock + begin);
      score[v] = V::keep(mask, V::mul(raw, scale), lowest);
      top = V::max(top, score[v]);
    });
    float* weight = state.weight + r * kLanes;
    F total = V::load(weight);
    const float block_highest = V::highest(top);
    if (block_highest > state.highest[r]) {
      const F shrink = vector_exp<V>(V::sub(V::set(state.highest[r]), V::set(block_highest)));
      state.highest[r] = block_highest;
      total = V::mul(total, shrink);
      float* sum = state.sum + r * task.value_columns;
      for (std::size_t c = 0; c < task.value_columns; c += kLanes) {
        V::store(sum + c, V::mul(V::load(sum + c), shrink));
      }
    }
    const F highest = V::set(state.highest[r]);
    std::byte* prob = state.prob + r * kAttentionBlock * kOperandBytes;
    static_for<kBlockVecs>([&](auto v) {
      const std::size_t begin = v * kLanes;
      const auto mask = V::first(visible > begin ? visible - begin : 0);
      const F p = V::keep(mask, vector_exp<V>(V::sub(score[v], highest)), V::zero());
      total = V::add(total, p);
      if constexpr (Core::kBf16) {
        V::store_bf16(V::first(kLanes), prob + begin * 2, p);
      } else {
        V::store(reinterpret_cast<float*>(prob) + begin, p);
      }
    });
    V::store(weight, total);
  }

  // sum / total; adding zero turns -0 into +0, whose sign could tell of masked positions.
  static SY_INLINE void store_row(const AttentionTask& task, const State& state, std::size_t r) {
    const std::size_t token = (task.first_row + r) / task.heads;
    const std::size_t head = (task.first_row + r) % task.heads;
    std::byte* out = task.out + token * task.out_token_bytes + head * task.out_head_bytes;
    const F inverse = V::set(1.0F / V::sum(V::load(state.weight + r * kLanes)));
    const float* sum = state.sum + r * task.value_columns;
    for (std::size_t c = 0; c < task.head_size; c += kLanes) {
      const auto mask = V::first(task.head_size - c);
      const F y = V::fma(V::load(sum + c), inverse, V::zero());
      if constexpr (Core::kBf16) {
        V::store_bf16(mask, out + c * 2, y);
      } else {
        V::store(mask, reinterpret_cast<float*>(out) + c, y);
      }
    }
  }

  static SY_INLINE void start(const AttentionTask& task, State& state) {
    state.score = reinterpret_cast<float*>(task.scratch);
    state.prob = reinterpret_cast<std::byte*>(state.score + task.rows * kAttentionBlock);
    state.sum = reinterpret_cast<float*>(state.prob + task.rows * kAttentionBlock * kOperandBytes);
    state.weight = state.sum + task.rows * task.value_columns;
    for (std::size_t r = 0; r < task.rows; ++r) {
      const std::size_t token = (task.first_row + r) / task.heads;
      const std::size_t head = (task.first_row + r) % task.heads;
      state.q[r] = task.q + token * task.q_token_bytes + head * task.q_head_bytes;
      state.position[r] = task.position[token];
      state.highest[r] = -3.0e38F;
      V::store(state.weight + r * kLanes, V::zero());
    }
    for (std::size_t i = 0; i < task.rows * task.value_columns; i += kLanes) {
      V::store(state.sum + i, V::zero());
    }
  }

  static void run(const AttentionTask& task) {
    State state;
    start(task, state);
    const std::byte* prob[kAttentionTileRows];
    for (std::size_t r = 0; r < task.rows; ++r) {
      prob[r] = state.prob + r * kAttentionBlock * kOperandBytes;
    }
    const std::size_t last = state.position[task.rows - 1];
    for (std::size_t first = 0; first <= last; first += kAttentionBlock) {
      const std::byte* block = task.blocks + task.pages[first / kAttentionBlock] * task.page_bytes;
      multiply<Start::kZero>(task.rows, state.q, task.head_size, block, kAttentionBlock,
                             state.score, kAttentionBlock);
      for (std::size_t r = 0; r < task.rows; ++r) {
        const std::size_t here = state.position[r] + 1;
        softmax_row(task, state, r, here > first ? here - first : 0);
      }
      const std::size_t filled = last + 1 - first;
      const std::size_t keys = filled < kAttentionBlock ? (filled + 1) / 2 * 2 : kAttentionBlock;
      multiply<Start::kContinue>(task.rows, prob, keys, block + task.value_offset_bytes,
                                 task.value_columns, state.sum, task.value_columns);
    }
    for (std::size_t r = 0; r < task.rows; ++r) store_row(task, state, r);
  }

  static constexpr AttentionKernel kernel() { return {&run}; }
};

}  // namespace switchyard::kernels

// kernels/simd/gemm_panel.h -- GemmKernel::run on top of a Core: cuts the rows into balanced tiles,
// picks the register tile for (rows, vectors) and stores the sums through the epilogue.
// The first tile streams the panel from memory. The processor's own prefetcher does that well but
// stops at each 4 KiB page: one touch per page, well ahead, keeps it going (measured on Zen 5: 29
// to 43 GB/s for 1 to 6 rows; prefetching every line instead gave 17 to 30). Later tiles find the
// panel in the second-level cache and bring in the next one, which hides behind their arithmetic;
// more than a third of a panel per tile makes them wait (16 rows: 240 instead of 386 GFLOP/s).
// Where 512-bit products take twice as long (Zen 4), a tile of 5 or 6 rows computes as long as its
// bytes take, and its long window of products hides the stream from the processor's prefetcher:
// there every line is asked for, two pages ahead, and the first tile takes all rows it can (1536 x
// 1024, one thread: 8 rows 168 -> 148 us, 10 rows 194 -> 173, 16 rows 260 -> 244; 4 rows would
// lose).
#pragma once

#include "kernels/simd/exp.h"
#include "kernels/simd/gemm_core.h"

namespace switchyard::kernels {

template <class Core, std::size_t kTileRows, std::size_t kPanelVecs>
struct GemmPanel {
  using V = typename Core::V;
  using F = typename V::F;
  static constexpr std::size_t kLanes = V::kLanes;
  static constexpr std::size_t kPageBytes = 4096;
  static constexpr std::size_t kTouchAheadBytes = 4 * kPageBytes;
  static constexpr std::size_t kEveryLineRowsMin = 5;

  static SY_INLINE const std::byte* x_row(const PanelTask& task, std::size_t r) {
    return task.x.base + (task.x.index == nullptr ? r : task.x.index[r]) * task.x.stride_bytes;
  }
  static SY_INLINE std::byte* y_row(const PanelTask& task, std::size_t r) {
    return task.y.base + (task.y.index == nullptr ? r : task.y.index[r]) * task.y.stride_bytes;
  }

  // Stores one row of sums; `columns` of them count.
  static SY_INLINE void store_row(const float* sum, std::size_t columns, Epilogue epilogue,
                                  std::byte* y) {
    auto* y32 = reinterpret_cast<float*>(y);
    for (std::size_t i = 0; i < columns; i += kLanes) {
      const auto mask = V::first(columns - i);
      const F value = V::load(sum + i);
      if (epilogue == Epilogue::kSetF32) {
        V::store(mask, y32 + i, value);
      } else if (epilogue == Epilogue::kAddF32) {
        V::store(mask, y32 + i, V::add(V::load(mask, y32 + i), value));
      } else {
        V::store_bf16(mask, y + i * 2, value);
      }
    }
  }

  // Gates are in the first half of the row, ups in the second.
  static SY_INLINE void store_swiglu(const float* sum, std::size_t half, std::size_t columns,
                                     Epilogue epilogue, std::byte* y) {
    for (std::size_t i = 0; i < columns; i += kLanes) {
      const auto mask = V::first(columns - i);
      const F inner = V::mul(vector_silu<V>(V::load(sum + i)), V::load(sum + half + i));
      if (epilogue == Epilogue::kSwigluF32) {
        V::store(mask, reinterpret_cast<float*>(y) + i, inner);
      } else {
        V::store_bf16(mask, y + i * 2, inner);
      }
    }
  }

  static SY_INLINE void store_rows(const PanelTask& task, std::size_t row, std::size_t rows,
                                   const float* sums) {
    const bool swiglu =
        task.epilogue == Epilogue::kSwigluF32 || task.epilogue == Epilogue::kSwigluBf16;
    for (std::size_t r = 0; r < rows; ++r) {
      const float* sum = sums + r * task.width;
      if (swiglu) {
        store_swiglu(sum, task.width / 2, task.columns, task.epilogue, y_row(task, row + r));
      } else {
        store_row(sum, task.columns, task.epilogue, y_row(task, row + r));
      }
    }
  }

  // Rows of the tiles: the first, then `larger` of other + 1, then tiles of `other`.
  struct Cut {
    std::size_t first = 0;
    std::size_t other = 0;
    std::size_t larger = 0;
  };
  static SY_INLINE Cut cut_rows(const PanelTask& task, std::size_t tiles) {
    const std::size_t tallest = task.rows < kTileRows ? task.rows : kTileRows;
    const std::size_t even = (task.rows + tiles - 1) / tiles;
    Cut cut;
    cut.first = task.stream == Stream::kEveryLine ? tallest : even;
    if (tiles > 1) {
      cut.other = (task.rows - cut.first) / (tiles - 1);
      cut.larger = (task.rows - cut.first) % (tiles - 1);
    }
    return cut;
  }

  static void run(const PanelTask& task) {
    using Tiles = TileTable<Core, kTileRows, kPanelVecs, Start::kZero>;
    static constexpr Tiles kTiles = Tiles::make();
    alignas(64) float sums[kTileRows * kPanelVecs * kLanes];
    const std::size_t vecs = task.width / kLanes;
    const std::size_t tiles = (task.rows + kTileRows - 1) / kTileRows;
    const Cut cut = cut_rows(task, tiles);
    const std::size_t chunk_bytes = kChunkSteps * task.width * kStepBytes;
    const std::size_t chunks = task.in / Core::kStepElements / kChunkSteps;
    Prefetch prefetch{task.weight + kTouchAheadBytes, 1, chunk_bytes};
    if (task.stream == Stream::kEveryLine && cut.first >= kEveryLineRowsMin) {
      prefetch = {task.weight + 2 * chunk_bytes, chunk_bytes / kLineBytes, chunk_bytes};
    }
    if (task.prefetch != nullptr && tiles == 1) touch_start(task.prefetch);
    std::size_t row = 0;
    const std::byte* coming = task.prefetch;
    for (std::size_t t = 0; t < tiles; ++t) {
      const std::size_t rows = t == 0 ? cut.first : cut.other + (t <= cut.larger ? 1 : 0);
      if (t > 0) {
        const std::size_t lines = coming_lines(chunk_bytes / kLineBytes, t, tiles);
        prefetch = {coming, coming == nullptr ? 0 : lines, lines * kLineBytes};
        if (coming != nullptr) coming += lines * kLineBytes * chunks;
      }
      const std::byte* x[kTileRows];
      for (std::size_t r = 0; r < rows; ++r) x[r] = x_row(task, row + r);
      kTiles.call[rows - 1][vecs - 1](
          {x, task.in, task.weight, task.width * kStepBytes, prefetch, sums, task.width});
      store_rows(task, row, rows, sums);
      row += rows;
    }
  }

  // The share of tile t > 0 in fetching the next panel, in lines per chunk.
  static SY_INLINE std::size_t coming_lines(std::size_t chunk_lines, std::size_t t,
                                            std::size_t tiles) {
    const std::size_t share = chunk_lines * t / (tiles - 1) - chunk_lines * (t - 1) / (tiles - 1);
    return share < chunk_lines / 3 ? share : chunk_lines / 3;
  }

  // The next panel may lie elsewhere: its first pages are touched while this one streams.
  static SY_INLINE void touch_start(const std::byte* panel) {
    for (std::size_t at = 0; at < kTouchAheadBytes; at += kPageBytes) {
      __builtin_prefetch(panel + at, 0, 2);
    }
  }

  static constexpr GemmKernel kernel() { return {kPanelVecs * kLanes, kLanes, kTileRows, &run}; }
};

}  // namespace switchyard::kernels

// kernels/simd/gemm_panel.h -- GemmKernel::run on top of a Core: cuts the rows into balanced tiles,
// picks the register tile for (rows, vectors) and stores the sums through the epilogue.
// Up to kTileRows rows the panel is read once from memory, prefetched a fixed distance ahead. With
// more tiles the panel stays in the second-level cache, and the tiles of one panel together bring
// in the next one, so that its arrival hides behind arithmetic.
#pragma once

#include "kernels/simd/exp.h"
#include "kernels/simd/gemm_core.h"

namespace switchyard::kernels {

template <class Core, std::size_t kTileRows, std::size_t kPanelVecs>
struct GemmPanel {
  using V = typename Core::V;
  using F = typename V::F;
  static constexpr std::size_t kLanes = V::kLanes;
  // Bytes ahead of the current step: about two microseconds of one core's share of the bandwidth
  // would be 64 KiB, but the hardware prefetcher does most of it; measured flat from 2 to 8 KiB.
  static constexpr std::size_t kStreamAheadBytes = 4096;

  static SY_INLINE const std::byte* x_row(const PanelTask& task, std::size_t r) {
    return task.x.base + (task.x.index == nullptr ? r : task.x.index[r]) * task.x.stride_bytes;
  }
  static SY_INLINE std::byte* y_row(const PanelTask& task, std::size_t r) {
    return task.y.base + (task.y.index == nullptr ? r : task.y.index[r]) * task.y.stride_bytes;
  }

  // Stores one row of sums; `columns` of them count.
  template <std::size_t kVecs>
  static SY_INLINE void store_row(const F (&sum)[kVecs], std::size_t columns, Epilogue epilogue,
                                  std::byte* y) {
    auto* y32 = reinterpret_cast<float*>(y);
    static_for<kVecs>([&](auto v) {
      const std::size_t begin = v * kLanes;
      if (begin >= columns) return;
      const auto mask = V::first(columns - begin);
      if (epilogue == Epilogue::kSetF32) {
        V::store(mask, y32 + begin, sum[v]);
      } else if (epilogue == Epilogue::kAddF32) {
        V::store(mask, y32 + begin, V::add(V::load(mask, y32 + begin), sum[v]));
      } else {
        V::store_bf16(mask, y + begin * 2, sum[v]);
      }
    });
  }

  template <std::size_t kVecs>
  static SY_INLINE void store_swiglu(const F (&sum)[kVecs], std::size_t columns, Epilogue epilogue,
                                     std::byte* y) {
    constexpr std::size_t kHalf = kVecs / 2;
    F inner[kHalf];
    static_for<kHalf>([&](auto v) { inner[v] = V::mul(vector_silu<V>(sum[v]), sum[kHalf + v]); });
    store_row<kHalf>(inner, columns,
                     epilogue == Epilogue::kSwigluF32 ? Epilogue::kSetF32 : Epilogue::kSetBf16, y);
  }

  template <std::size_t kRows, std::size_t kVecs>
  static void run_tile(const PanelTask& task, std::size_t row, Prefetch prefetch) {
    const std::byte* x[kRows];
    static_for<kRows>([&](auto r) { x[r] = x_row(task, row + r); });
    Tile<V, kRows, kVecs> tile;
    tile.clear();
    accumulate<Core, kRows, kVecs>(tile, x, task.in, task.weight, task.width * kStepBytes,
                                   prefetch);
    const bool swiglu =
        task.epilogue == Epilogue::kSwigluF32 || task.epilogue == Epilogue::kSwigluBf16;
    static_for<kRows>([&](auto r) {
      std::byte* y = y_row(task, row + r);
      if constexpr (kVecs % 2 == 0) {
        if (swiglu) {
          store_swiglu<kVecs>(tile.sum[r], task.columns, task.epilogue, y);
          return;
        }
      }
      store_row<kVecs>(tile.sum[r], task.columns, task.epilogue, y);
    });
  }

  using TileCall = void (*)(const PanelTask& task, std::size_t row, Prefetch prefetch);
  struct TileTable {
    TileCall call[kTileRows][kPanelVecs];
  };
  static constexpr TileTable tile_table() {
    TileTable table{};
    fill<0>(table);
    return table;
  }
  template <std::size_t kAt>
  static constexpr void fill(TileTable& table) {
    if constexpr (kAt < kTileRows * kPanelVecs) {
      table.call[kAt / kPanelVecs][kAt % kPanelVecs] =
          &run_tile<kAt / kPanelVecs + 1, kAt % kPanelVecs + 1>;
      fill<kAt + 1>(table);
    }
  }

  static void run(const PanelTask& task) {
    static constexpr TileTable kTiles = tile_table();
    const std::size_t vecs = task.width / kLanes;
    const std::size_t tiles = (task.rows + kTileRows - 1) / kTileRows;
    const std::size_t small = task.rows / tiles;
    const std::size_t larger = task.rows % tiles;  // so many tiles have one row more
    const std::size_t chunk_lines = kChunkSteps * task.width * kStepBytes / kLineBytes;
    // Bytes of the next panel that one tile brings in; the steps of a panel are whole chunks but
    // for a few, which the hardware finds by itself.
    const std::size_t chunks = task.in / Core::kStepElements / kChunkSteps;
    std::size_t row = 0;
    const std::byte* coming = task.prefetch;
    for (std::size_t t = 0; t < tiles; ++t) {
      const std::size_t rows = small + (t < larger ? 1 : 0);
      Prefetch prefetch;
      if (tiles == 1) {
        prefetch = {task.weight + kStreamAheadBytes, chunk_lines};
      } else if (coming != nullptr) {
        const std::size_t lines = chunk_lines * (t + 1) / tiles - chunk_lines * t / tiles;
        prefetch = {coming, lines};
        coming += lines * chunks * kLineBytes;
      }
      kTiles.call[rows - 1][vecs - 1](task, row, prefetch);
      row += rows;
    }
  }

  static constexpr GemmKernel kernel() {
    return {kPanelVecs * kLanes, kLanes, kTileRows, &run};
  }
};

}  // namespace switchyard::kernels

// kernels/ops/gemm.h -- contract of the matmul kernels: rows of x times one panel of packed
// weights. A panel is `width` output columns in steps of 4 bytes: step s of column c lies at byte
// (s * width + c) * 4 and holds w[c][s] (fp32) or the pair w[c][2s], w[c][2s+1] (bf16). The rest is
// padded with zeros. Only the last panel of a matrix may be narrower than `panel_columns`.
// Law: every output is one chain of additions over the steps in ascending order, started from
// zero, whatever the number of rows in the call: the bits of a row depend on that row alone.
// Files here hold no std:: types with inline code: ISA folders are compiled with other flags, and
// the linker may keep their copy of such a function for everyone.
#pragma once

#include <cstddef>
#include <cstdint>

namespace switchyard::kernels {

inline constexpr std::size_t kStepBytes = 4;

// What becomes of the sums. SwiGLU: the first half of the panel's columns are gates g, the second
// half the ups u of the same inner columns; silu(g) * u is stored in the operand type.
enum class Epilogue : std::uint8_t { kSetF32, kAddF32, kSetBf16, kSwigluF32, kSwigluBf16 };

// Rows in memory: row r is at base + (index == nullptr ? r : index[r]) * stride_bytes.
struct RowTable {
  std::byte* base = nullptr;
  std::size_t stride_bytes = 0;
  const std::uint32_t* index = nullptr;
};
struct ConstRowTable {
  const std::byte* base = nullptr;
  std::size_t stride_bytes = 0;
  const std::uint32_t* index = nullptr;
};

// How the first tile of rows draws a panel from memory; the bits are the same. Later tiles find the
// panel in the second-level cache.
//   kTouches: the processor's own prefetcher streams, and one touch per page keeps it going.
//   kEveryLine: for tiles whose arithmetic takes as long as their bytes, every line is asked for
//   two
//     pages ahead, and the first tile is as tall as can be.
enum class Stream : std::uint8_t { kTouches, kEveryLine };

struct PanelTask {
  const std::byte* weight = nullptr;  // the panel
  std::size_t in = 0;                 // elements of a row of x
  std::size_t width = 0;              // columns of the panel, padding included
  std::size_t columns = 0;            // columns to store (for SwiGLU: inner columns)
  std::size_t rows = 0;
  ConstRowTable x;  // operand type, `in` elements a row
  RowTable y;       // base: the first column of this panel
  Epilogue epilogue = Epilogue::kSetF32;
  const std::byte* prefetch = nullptr;  // the panel this thread will read next, or nullptr
  Stream stream = Stream::kTouches;
};

struct GemmKernel {
  std::size_t panel_columns = 0;  // width of every panel but the last
  std::size_t lane_columns = 0;   // the last panel's width is a multiple of this
  std::size_t tile_rows = 0;      // rows that share one pass over a panel
  void (*run)(const PanelTask& task) = nullptr;
  Stream stream = Stream::kTouches;  // what suits the processor; for PanelTask
};

}  // namespace switchyard::kernels

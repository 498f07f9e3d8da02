// kernels/cpu/packed_weights.h -- weights in panels (kernels/ops/gemm.h): made once, read as
// streams. Thread safety: shared const objects: safe.
#pragma once

#include "kernels/cpu/weight_arena.h"
#include "kernels/device.h"
#include "kernels/ops/gemm.h"

namespace switchyard::kernels::cpu {

// Panels of equal width, but for the last.
struct Panels {
  WeightSlice memory;
  std::size_t in = 0;
  std::size_t columns = 0;        // stored columns in all (SwiGLU: inner columns)
  std::size_t panel_columns = 0;  // stored columns of a full panel
  std::size_t panel_width = 0;    // columns of a full panel, padding and ups included
  std::size_t last_width = 0;
  std::size_t steps = 0;  // of 4 bytes

  [[nodiscard]] std::size_t count() const noexcept {
    return (columns + panel_columns - 1) / panel_columns;
  }
  [[nodiscard]] std::byte* panel(std::size_t p) const noexcept {
    return memory.data() + p * panel_width * steps * kStepBytes;
  }
  [[nodiscard]] std::size_t width(std::size_t p) const noexcept {
    return p + 1 == count() ? last_width : panel_width;
  }
  [[nodiscard]] std::size_t columns_of(std::size_t p) const noexcept {
    return p + 1 == count() ? columns - p * panel_columns : panel_columns;
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return memory.bytes(); }
};

class CpuPackedMatrix final : public PackedMatrix {
 public:
  explicit CpuPackedMatrix(Panels made) : panels(std::move(made)) {}
  std::size_t out() const noexcept override { return panels.columns; }
  std::size_t in() const noexcept override { return panels.in; }
  std::size_t bytes() const noexcept override { return panels.bytes(); }
  const Panels panels;
};

class CpuPackedExpert final : public PackedExpert {
 public:
  CpuPackedExpert(Panels made_up, Panels made_down)
      : up(std::move(made_up)), down(std::move(made_down)) {}
  std::size_t hidden() const noexcept override { return up.in; }
  std::size_t inner() const noexcept override { return up.columns; }
  std::size_t bytes() const noexcept override { return up.bytes() + down.bytes(); }
  const Panels up;  // gates and ups side by side in each panel
  const Panels down;
};

}  // namespace switchyard::kernels::cpu

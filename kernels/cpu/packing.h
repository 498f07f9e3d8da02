// kernels/cpu/packing.h -- from the checkpoint's rows to panels: converts, checks that every value
// is finite in the operand type, and transposes. Runs on all threads of the pool. Errors: kBadInput
// naming [row, column] of the first value that is not finite.
#pragma once

#include "kernels/cpu/packed_weights.h"
#include "kernels/thread_pool.h"
#include "runtime/base/error.h"

namespace switchyard::kernels::cpu {

// How a matrix is cut: panels of `panel_columns`, the last rounded up to `lane_columns`.
struct PanelShape {
  std::size_t panel_columns = 0;
  std::size_t lane_columns = 0;
  Precision precision = Precision::kBf16;
};

struct Packer {
  WeightArena& arena;
  ThreadPool& pool;

  [[nodiscard]] Result<Panels> matrix(const WeightView& weight, const PanelShape& shape);
  // gate, up: [f, d]. Each panel holds gates in its first half and the same columns' ups in its
  // second.
  [[nodiscard]] Result<Panels> gate_up(const WeightView& gate, const WeightView& up,
                                       const PanelShape& shape);
};

}  // namespace switchyard::kernels::cpu

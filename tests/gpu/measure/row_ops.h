// tests/gpu/measure/row_ops.h -- the ops that are bound by the bytes of their rows, and the gate.
// Thread safety: as the device.
#pragma once

#include "tests/gpu/measure/stopwatch.h"

namespace switchyard::gpu_measure {

// RMSNorm, gate, gather, permute (a row for each of its experts), convert and combine for every
// number of rows. Errors: the device's.
[[nodiscard]] Result<void> measure_row_ops(const Sizes& sizes, Stopwatch& watch,
                                           kernels::Device& device);

}  // namespace switchyard::gpu_measure

// kernels/op_list.h -- which kernel runs for an op: an ordered list of candidates, best first, ref
// last, each with a reason when it declines. Selection is data; `switchyard kernels` prints it.
// Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "kernels/cpu_features.h"
#include "kernels/device.h"
#include "kernels/ops/attention.h"
#include "kernels/ops/gemm.h"
#include "kernels/ops/row.h"

namespace switchyard::kernels {

// The kernels of one CPU device.
struct KernelSet {
  GemmKernel gemm;  // operand precision
  GemmKernel gate;  // fp32
  AttentionKernel attention;
  RowKernels rows;
  std::string isa;  // of the matmuls: "avx512-bf16", "avx512", "avx2", "ref"
};

struct KernelChoices {
  KernelSet set;
  std::vector<KernelChoice> list;
};

// Errors: kUsage for an unknown isa, with the list; kUnsupported for one this processor lacks.
[[nodiscard]] Result<KernelChoices> choose_kernels(const CpuFeatures& features,
                                                   const DeviceOptions& options);

}  // namespace switchyard::kernels

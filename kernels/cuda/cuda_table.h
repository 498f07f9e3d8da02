// kernels/cuda/cuda_table.h -- the CUDA device's entry in the table of devices. Built with the
// toolkit it is kernels/cuda, without it kernels/cuda_absent; tests link one over an emulated
// runtime. Thread safety: pure functions.
#pragma once

#include <memory>
#include <vector>

#include "kernels/ceilings.h"
#include "kernels/device.h"

namespace switchyard::kernels::cuda {

// Errors: kUnsupported saying what is missing: the toolkit at build time, a driver, a GPU.
[[nodiscard]] Result<std::unique_ptr<Device>> make_cuda_device(const DeviceOptions& options);
// What was compiled, for which architectures, and whether it can run here.
[[nodiscard]] std::vector<KernelChoice> explain_cuda_kernels(const DeviceOptions& options);
// Errors: as make_cuda_device().
[[nodiscard]] Result<Ceilings> measure_cuda_ceilings(const DeviceOptions& options);

}  // namespace switchyard::kernels::cuda

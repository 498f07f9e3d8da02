// tests/cuda_emulation/runtime/fault.h -- what was wrong with a kernel or another piece of queued
// work.
#pragma once

#include <optional>
#include <string>

#include "tests/cuda_emulation/api/errors.h"

namespace cuda_emulation {

struct Fault {
  cudaError_t code = cudaErrorLaunchFailure;
  std::string text;  // names the kernel, the block and the thread
};
using MaybeFault = std::optional<Fault>;

}  // namespace cuda_emulation

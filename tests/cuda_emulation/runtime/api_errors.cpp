#include <algorithm>
#include <array>

#include "tests/cuda_emulation/runtime/state.h"

namespace {

struct Name {
  cudaError_t error;
  const char* name;
  const char* text;
};

constexpr std::array kNames{
    Name{cudaSuccess, "cudaSuccess", "no error"},
    Name{cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    Name{cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    Name{cudaErrorInitializationError, "cudaErrorInitializationError", "initialization error"},
    Name{cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
         "invalid configuration argument"},
    Name{cudaErrorInvalidPitchValue, "cudaErrorInvalidPitchValue", "invalid pitch argument"},
    Name{cudaErrorInvalidHostPointer, "cudaErrorInvalidHostPointer", "invalid host pointer"},
    Name{cudaErrorInvalidDevicePointer, "cudaErrorInvalidDevicePointer", "invalid device pointer"},
    Name{cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection",
         "invalid copy direction for memcpy"},
    Name{cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
         "CUDA driver version is insufficient for CUDA runtime version"},
    Name{cudaErrorInvalidDeviceFunction, "cudaErrorInvalidDeviceFunction",
         "invalid device function"},
    Name{cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    Name{cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    Name{cudaErrorNoKernelImageForDevice, "cudaErrorNoKernelImageForDevice",
         "no kernel image is available for execution on the device"},
    Name{cudaErrorECCUncorrectable, "cudaErrorECCUncorrectable",
         "uncorrectable ECC error encountered"},
    Name{cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle",
         "invalid resource handle"},
    Name{cudaErrorIllegalState, "cudaErrorIllegalState",
         "the operation cannot be performed in the present state"},
    Name{cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    Name{cudaErrorIllegalAddress, "cudaErrorIllegalAddress",
         "an illegal memory access was encountered"},
    Name{cudaErrorLaunchOutOfResources, "cudaErrorLaunchOutOfResources",
         "too many resources requested for launch"},
    Name{cudaErrorLaunchTimeout, "cudaErrorLaunchTimeout",
         "the launch timed out and was terminated"},
    Name{cudaErrorPeerAccessAlreadyEnabled, "cudaErrorPeerAccessAlreadyEnabled",
         "peer access is already enabled"},
    Name{cudaErrorPeerAccessNotEnabled, "cudaErrorPeerAccessNotEnabled",
         "peer access has not been enabled"},
    Name{cudaErrorAssert, "cudaErrorAssert", "device-side assert triggered"},
    Name{cudaErrorHostMemoryAlreadyRegistered, "cudaErrorHostMemoryAlreadyRegistered",
         "part or all of the requested memory range is already mapped"},
    Name{cudaErrorHostMemoryNotRegistered, "cudaErrorHostMemoryNotRegistered",
         "pointer does not correspond to a registered memory region"},
    Name{cudaErrorHardwareStackError, "cudaErrorHardwareStackError", "hardware stack error"},
    Name{cudaErrorIllegalInstruction, "cudaErrorIllegalInstruction",
         "an illegal instruction was encountered"},
    Name{cudaErrorMisalignedAddress, "cudaErrorMisalignedAddress", "misaligned address"},
    Name{cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    Name{cudaErrorNotPermitted, "cudaErrorNotPermitted", "operation not permitted"},
    Name{cudaErrorNotSupported, "cudaErrorNotSupported", "operation not supported"},
    Name{cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
};

const Name* find(cudaError_t error) {
  const auto* found = std::ranges::find(kNames, error, &Name::error);
  return found == kNames.end() ? nullptr : found;
}

// The sticky error of the thread's device, which no call clears.
cudaError_t sticky() {
  cuda_emulation::State& all = cuda_emulation::state();
  const std::lock_guard lock(all.mutex);
  if (all.devices.empty()) return cudaSuccess;
  return all.devices[static_cast<std::size_t>(all.device_of_thread())].sticky;
}

}  // namespace

const char* cudaGetErrorName(cudaError_t error) {
  const Name* found = find(error);
  return found == nullptr ? "unrecognized error code" : found->name;
}

const char* cudaGetErrorString(cudaError_t error) {
  const Name* found = find(error);
  return found == nullptr ? "unrecognized error code" : found->text;
}

cudaError_t cudaPeekAtLastError() {
  const cudaError_t lasting = sticky();
  return lasting != cudaSuccess ? lasting : cuda_emulation::last_error();
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = cudaPeekAtLastError();
  cuda_emulation::last_error() = cudaSuccess;
  return error;
}

// tests/cuda_emulation/nccl/registrations.h -- which memory is registered with which communicator.
// Strict about the order that NCCL's documentation shows: memory of ncclMemAlloc, registered after
// the communicator is there, taken back with nothing under way, then freed; an abort takes the rest
// back. All functions: with the runtime's lock held.
#pragma once

#include "tests/cuda_emulation/nccl/communicator.h"

namespace cuda_emulation::nccl {

[[nodiscard]] bool is_registered(const Communicator& comm, const std::byte* data,
                                 std::size_t bytes);
[[nodiscard]] std::size_t registrations_of(const Communicator& comm);
void forget_registrations(const Communicator& comm);

}  // namespace cuda_emulation::nccl

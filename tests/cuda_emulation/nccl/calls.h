// tests/cuda_emulation/nccl/calls.h -- the frame that calls of the emulated NCCL go through.
#pragma once

#include "tests/cuda_emulation/nccl/communicator.h"

namespace cuda_emulation::nccl {

// The communicator of a handle, also when it is gone; null when there never was one.
[[nodiscard]] std::shared_ptr<Communicator> find(ncclComm_t handle);
[[nodiscard]] ncclComm_t publish(std::shared_ptr<Communicator> made);

// Notes a misuse and answers ncclInvalidUsage.
ncclResult_t misuse(const std::string& text);

// Runs body(Communicator&) for a communicator that may be used: joined, not failed, not gone, with
// no call in progress.
template <typename Body>
ncclResult_t with(ncclComm_t handle, const char* call, Body body) {
  const auto comm = find(handle);
  if (comm == nullptr) return ncclInvalidArgument;
  if (comm->life() != Communicator::Life::kReady) {
    return misuse(std::string(call) + " on a communicator that is not ready, or not any more");
  }
  if (comm->status() == ncclInProgress) {
    return misuse(std::string(call) + " while a call is in progress");
  }
  if (comm->status() != ncclSuccess) return comm->status();
  return body(*comm);
}

}  // namespace cuda_emulation::nccl

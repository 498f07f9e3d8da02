// comm/nccl/cuda_handles.h -- owners of the CUDA things that moving rows needs: streams and
// events. They belong to the GPU that was current when they were made.
// Thread safety: shared objects: unsafe.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <utility>

#include "comm/nccl/nccl_error.h"
#include "runtime/base/view.h"

namespace switchyard::comm::nccl {

// An owned CUDA handle that kFree gives back. A destructor cannot report: what fails there has
// failed before, where it was reported.
template <class Handle, cudaError_t (*kFree)(Handle)>
class Owned {
 public:
  Owned() = default;
  explicit Owned(Handle handle) noexcept : handle_(handle) {}
  ~Owned() {
    if (handle_ != nullptr) (void)kFree(handle_);
  }
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  [[nodiscard]] Handle get() const noexcept { return handle_; }

 private:
  Handle handle_ = nullptr;
};

using Stream = Owned<cudaStream_t, cudaStreamDestroy>;
using Event = Owned<cudaEvent_t, cudaEventDestroy>;

[[nodiscard]] Result<Stream> make_stream();
[[nodiscard]] Result<Event> make_event();

// Whether what was recorded has happened. Blocks: no.
[[nodiscard]] Result<bool> happened(const Event& event);

}  // namespace switchyard::comm::nccl

// comm/nccl/row_memory.h -- one piece of device memory for rows, made so that NCCL can register it
// where that is possible, as plain memory where it is not, with the reason. Not who uses which part
// (staging.h, send_rows.h). Thread safety: shared objects: unsafe.
#pragma once

#include <optional>
#include <utility>

#include "comm/nccl/cuda_handles.h"
#include "comm/nccl/registration.h"
#include "comm/worlds.h"

namespace switchyard::comm::nccl {

class RowMemory {
 public:
  RowMemory() = default;
  // Before the first rows move: making memory may wait for all kernels of the GPU.
  // Errors: kLimit.
  [[nodiscard]] static Result<RowMemory> make(std::size_t bytes, NcclRegister wish);
  ~RowMemory();
  RowMemory(RowMemory&& other) noexcept { swap(other); }
  RowMemory& operator=(RowMemory&& other) noexcept {
    swap(other);
    return *this;
  }

  [[nodiscard]] MutableBytes span() const noexcept { return {data_, bytes_}; }
  // Empty where it can be registered.
  [[nodiscard]] const std::optional<Error>& why_plain() const noexcept { return why_plain_; }
  // Never freed: a communicator that could not be ended in time may still use it.
  void leave_behind() noexcept { data_ = nullptr; }

 private:
  void swap(RowMemory& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(why_plain_, other.why_plain_);
  }

  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::optional<Error> why_plain_;
};

}  // namespace switchyard::comm::nccl

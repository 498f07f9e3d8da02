// kernels/cpu/weight_arena.h -- memory for packed weights, cut from large blocks so that even small
// matrices lie on huge pages (fewer TLB misses when they are streamed) and neighbours in time of
// making are neighbours in memory. A block returns to the system when its last slice is gone.
// Thread safety: shared objects: unsafe; slices may be released from any thread.
#pragma once

#include <cstddef>
#include <memory>

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"

namespace switchyard::kernels::cpu {

// Zeroed, 64-byte aligned; copies share the memory.
class WeightSlice {
 public:
  WeightSlice() = default;
  WeightSlice(std::shared_ptr<HostBuffer> block, std::size_t offset, std::size_t bytes)
      : block_(std::move(block)), data_(block_->data() + offset), bytes_(bytes) {}

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::shared_ptr<HostBuffer> block_;
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

class WeightArena {
 public:
  // Errors: kLimit where there is no memory.
  [[nodiscard]] Result<WeightSlice> take(std::size_t bytes);

 private:
  // Large enough to waste little of the last huge page, small beside a rank's allowance.
  static constexpr std::size_t kBlockBytes = std::size_t{32} << 20;

  std::shared_ptr<HostBuffer> block_;
  std::size_t used_ = 0;
};

}  // namespace switchyard::kernels::cpu

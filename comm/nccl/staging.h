// comm/nccl/staging.h -- device memory for rows on their way in, until their receiver takes them:
// one piece that is made before the first rows move, cut as they come. Nothing is allocated or
// freed while rows move: cudaMalloc and cudaFree may wait for all kernels of the GPU, also for
// those of a lane that wait for a peer, which may wait for us in the same way. Thread safety:
// shared objects: unsafe.
#pragma once

#include <optional>
#include <vector>

#include "comm/nccl/row_memory.h"

namespace switchyard::comm::nccl {

class Staging {
 public:
  // Empty: none.
  struct Block {
    std::byte* data = nullptr;
    std::size_t bytes = 0;
  };

  explicit Staging(NcclRegister wish = NcclRegister::kWherePossible) : wish_(wish) {}

  // Room for so many bytes of rows; at least what there is already. While none are on their way.
  // Errors: kLimit.
  [[nodiscard]] Result<void> reserve(std::size_t bytes);
  [[nodiscard]] std::size_t bytes() const noexcept { return memory_.span().size(); }
  [[nodiscard]] const RowMemory& memory() const noexcept { return memory_; }
  void leave_behind() noexcept { memory_.leave_behind(); }

  // Nothing where there is no room now.
  [[nodiscard]] std::optional<Block> take(std::size_t bytes);
  void give_back(Block block);

 private:
  NcclRegister wish_;
  RowMemory memory_;
  std::vector<Block> free_;  // ascending, never adjacent
};

}  // namespace switchyard::comm::nccl

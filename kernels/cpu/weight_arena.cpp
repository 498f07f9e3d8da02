#include "kernels/cpu/weight_arena.h"

#include "runtime/base/try_buffer.h"

namespace switchyard::kernels::cpu {

Result<WeightSlice> WeightArena::take(std::size_t bytes) {
  constexpr std::size_t kAlign = 64;
  const std::size_t rounded = (bytes + kAlign - 1) / kAlign * kAlign;
  // A large matrix gets a block of its own; the open block stays open for small ones.
  if (rounded > kBlockBytes / 4) {
    SY_ASSIGN(auto whole, try_buffer(rounded));
    return WeightSlice(std::make_shared<HostBuffer>(std::move(whole)), 0, rounded);
  }
  if (block_ == nullptr || used_ + rounded > kBlockBytes) {
    SY_ASSIGN(auto block, try_buffer(kBlockBytes));
    block_ = std::make_shared<HostBuffer>(std::move(block));
    used_ = 0;
  }
  WeightSlice slice(block_, used_, rounded);
  used_ += rounded;
  return slice;
}

}  // namespace switchyard::kernels::cpu

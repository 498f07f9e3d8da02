// comm/nccl/lane_blocks.h -- how many blocks of a GPU's kernels a lane may have at a time. All
// lanes run at once, one for each sender, beside the kernels of the model; together they may have
// no more than about half of the GPU. Thread safety: pure functions.
#pragma once

#include <cstddef>

#include "runtime/base/error.h"

namespace switchyard::comm::nccl {

// A guess (docs/adr/0010).
inline constexpr int kLaneBlocksMax = 8;

// One at least, whatever the number of ranks.
[[nodiscard]] int lane_blocks(std::size_t multiprocessors, std::size_t ranks);
// The same for a GPU of this process. Errors: scope kDevice.
[[nodiscard]] Result<int> lane_blocks_of(int gpu, std::size_t ranks);

}  // namespace switchyard::comm::nccl

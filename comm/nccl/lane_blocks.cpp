#include "comm/nccl/lane_blocks.h"

#include <cuda_runtime_api.h>

#include <algorithm>

#include "comm/nccl/nccl_error.h"

namespace switchyard::comm::nccl {

int lane_blocks(std::size_t multiprocessors, std::size_t ranks) {
  const std::size_t share = multiprocessors / (2 * std::max<std::size_t>(ranks, 1));
  return static_cast<int>(std::clamp<std::size_t>(share, 1, kLaneBlocksMax));
}

Result<int> lane_blocks_of(int gpu, std::size_t ranks) {
  int multiprocessors = 0;
  SY_TRY(check_cuda(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, gpu),
                    "counting multiprocessors"));
  return lane_blocks(static_cast<std::size_t>(std::max(multiprocessors, 0)), ranks);
}

}  // namespace switchyard::comm::nccl

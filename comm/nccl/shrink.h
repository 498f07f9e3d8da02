// comm/nccl/shrink.h -- a communicator without some of its members, made by the others from the old
// one: NCCL 2.27 and later. Faster than a new one by id, since what connects the others stays.
// Thread safety: as NCCL's calls on one communicator: one thread at a time.
#pragma once

#include <nccl.h>

#include <vector>

#include "runtime/base/error.h"

namespace switchyard::comm::nccl {

// Whether this build and the library have it.
[[nodiscard]] bool can_shrink() noexcept;

// What is under way on `old` is terminated; it has to be aborted all the same. The others call it
// too, with the same places. Blocks: not for the others, ncclCommGetAsyncError of `rest` tells when
// it is there; but NCCL may wait inside the call for the kernels of `old`, which it has told to
// end. Errors: those of check_nccl().
[[nodiscard]] Result<void> shrink(ncclComm_t old, std::vector<int> places_left_out,
                                  ncclConfig_t config, ncclComm_t& rest);

}  // namespace switchyard::comm::nccl

#include "comm/nccl/shrink.h"

#include "comm/nccl/nccl_error.h"

namespace switchyard::comm::nccl {

#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 27, 0)

bool can_shrink() noexcept {
  int version = 0;
  return ncclGetVersion(&version) == ncclSuccess && version >= NCCL_VERSION(2, 27, 0);
}

Result<void> shrink(ncclComm_t old, std::vector<int> places_left_out, ncclConfig_t config,
                    ncclComm_t& rest) {
  return check_nccl(
      ncclCommShrink(old, places_left_out.data(), static_cast<int>(places_left_out.size()), &rest,
                     &config, NCCL_SHRINK_ABORT),
      "leaving ranks out of a communicator");
}

#else

bool can_shrink() noexcept { return false; }

Result<void> shrink(ncclComm_t /*old*/, std::vector<int> /*places_left_out*/,
                    ncclConfig_t /*config*/, ncclComm_t& /*rest*/) {
  return fail(ErrorCode::kUnsupported, ErrorScope::kCommunicator,
              "this build's NCCL cannot leave ranks out of a communicator");
}

#endif

}  // namespace switchyard::comm::nccl

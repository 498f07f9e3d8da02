// The NCCL doors of a build without NCCL: each says how to get it.
#include "comm/worlds.h"

namespace switchyard::comm {
namespace {

Unexpected no_nccl() {
  return fail(ErrorCode::kUnsupported,
              "this build has no NCCL; install it beside the CUDA toolkit and configure again with "
              "-DSWITCHYARD_NCCL=ON");
}

}  // namespace

Result<std::unique_ptr<Transport>> make_nccl_world(std::unique_ptr<Transport> /*base*/,
                                                   const TransportLimits& /*limits*/,
                                                   const NcclOptions& /*options*/) {
  return no_nccl();
}

Result<void> check_nccl_world(const Transport& /*base*/, GpuJudge /*gpus*/) { return no_nccl(); }

Result<std::string> nccl_library() { return no_nccl(); }

}  // namespace switchyard::comm

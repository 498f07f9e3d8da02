// Stands in for kernels/cuda_cublas in a build without cuBLAS.
#include "kernels/cuda/library_gemm.h"

namespace switchyard::kernels::cuda {

std::string library_gemm_missing() {
  return "this build was made without cuBLAS (not found, or -DSWITCHYARD_CUBLAS=OFF)";
}

Result<std::unique_ptr<LibraryGemm>> make_library_gemm(const Stream& /*stream*/) {
  return fail(ErrorCode::kUnsupported, ErrorScope::kDevice, "device.cuda_gemm cublas: {}",
              library_gemm_missing());
}

}  // namespace switchyard::kernels::cuda

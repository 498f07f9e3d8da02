// The functions of the emulated cuBLAS, which is linked.
#include "kernels/cuda_cublas/cublas_functions.h"

namespace switchyard::kernels::cuda {

Result<CublasFunctions> load_cublas() {
  CublasFunctions cublas;
  cublas.create = &cublasCreate;
  cublas.destroy = &cublasDestroy;
  cublas.set_stream = &cublasSetStream;
  cublas.set_workspace = &cublasSetWorkspace;
  cublas.set_math_mode = &cublasSetMathMode;
  cublas.gemm = &cublasGemmEx;
  cublas.status_text = &cublasGetStatusString;
  return cublas;
}

}  // namespace switchyard::kernels::cuda

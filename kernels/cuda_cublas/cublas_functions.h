// kernels/cuda_cublas/cublas_functions.h -- the functions of cuBLAS that are used. Loaded when they
// are first asked for and not linked: the library has some hundred MB, few runs want it, and a
// binary built with the toolkit is to need no more than the driver. Tests over the emulated runtime
// link them. Thread safety: values.
#pragma once

#include <cublas_v2.h>

#include <cstddef>

#include "runtime/base/error.h"

namespace switchyard::kernels::cuda {

struct CublasFunctions {
  cublasStatus_t (*create)(cublasHandle_t*) = nullptr;
  cublasStatus_t (*destroy)(cublasHandle_t) = nullptr;
  cublasStatus_t (*set_stream)(cublasHandle_t, cudaStream_t) = nullptr;
  cublasStatus_t (*set_workspace)(cublasHandle_t, void*, std::size_t) = nullptr;
  cublasStatus_t (*set_math_mode)(cublasHandle_t, cublasMath_t) = nullptr;
  // cublasGemmEx
  cublasStatus_t (*gemm)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int m, int n, int k,
                         const void* alpha, const void* a, cudaDataType_t, int lda, const void* b,
                         cudaDataType_t, int ldb, const void* beta, void* c, cudaDataType_t,
                         int ldc, cublasComputeType_t, cublasGemmAlgo_t) = nullptr;
  const char* (*status_text)(cublasStatus_t) = nullptr;
};

// Errors: kUnsupported saying which library or function was not found.
[[nodiscard]] Result<CublasFunctions> load_cublas();

}  // namespace switchyard::kernels::cuda

#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "tests/cuda_emulation/runtime/state.h"

struct cublasContext {
  cudaStream_t stream = nullptr;
};

namespace {

using cuda_emulation::Call;
using cuda_emulation::Fault;
using cuda_emulation::MaybeFault;

struct Matrix {
  cudaDataType type = CUDA_R_32F;
  int leading = 0;
  cublasOperation_t op = CUBLAS_OP_N;
};

struct Shape {
  int m = 0;
  int n = 0;
  int k = 0;
  float alpha = 0;
  float beta = 0;
  Matrix a;
  Matrix b;
  Matrix c;
};

float load(const void* base, cudaDataType type, std::size_t at) {
  switch (type) {
    case CUDA_R_32F: return static_cast<const float*>(base)[at];
    case CUDA_R_16F: return static_cast<const __half*>(base)[at];
    case CUDA_R_16BF: return static_cast<const __nv_bfloat16*>(base)[at];
  }
  return 0;
}

void store(void* base, cudaDataType type, std::size_t at, float value) {
  switch (type) {
    case CUDA_R_32F: static_cast<float*>(base)[at] = value; break;
    case CUDA_R_16F: static_cast<__half*>(base)[at] = value; break;
    case CUDA_R_16BF: static_cast<__nv_bfloat16*>(base)[at] = value; break;
  }
}

std::size_t bytes_of(cudaDataType type) { return type == CUDA_R_32F ? 4 : 2; }

// Element [row, column] of op(matrix).
float element(const void* base, const Matrix& matrix, int row, int column) {
  if (matrix.op == CUBLAS_OP_T) std::swap(row, column);
  const auto at = static_cast<std::size_t>(column) * static_cast<std::size_t>(matrix.leading) +
                  static_cast<std::size_t>(row);
  return load(base, matrix.type, at);
}

void multiply(const Shape& shape, const void* a, const void* b, void* c) {
  for (int column = 0; column < shape.n; ++column) {
    for (int row = 0; row < shape.m; ++row) {
      float sum = 0;
      for (int k = 0; k < shape.k; ++k) {
        sum += element(a, shape.a, row, k) * element(b, shape.b, k, column);
      }
      float value = shape.alpha * sum;
      if (shape.beta != 0) value += shape.beta * element(c, shape.c, row, column);
      store(c, shape.c.type,
            static_cast<std::size_t>(column) * static_cast<std::size_t>(shape.c.leading) +
                static_cast<std::size_t>(row),
            value);
    }
  }
}

// Bytes from the first to behind the last element of a rows x columns matrix as stored.
std::size_t span_bytes(const Matrix& matrix, int rows, int columns) {
  if (matrix.op == CUBLAS_OP_T) std::swap(rows, columns);
  if (rows == 0 || columns == 0) return 0;
  return (static_cast<std::size_t>(columns - 1) * static_cast<std::size_t>(matrix.leading) +
          static_cast<std::size_t>(rows)) *
         bytes_of(matrix.type);
}

bool shape_fits(const Shape& shape) {
  if (shape.m < 0 || shape.n < 0 || shape.k < 0) return false;
  const auto fits = [](const Matrix& matrix, int rows, int columns) {
    return matrix.leading >= std::max(1, matrix.op == CUBLAS_OP_T ? columns : rows);
  };
  return fits(shape.a, shape.m, shape.k) && fits(shape.b, shape.k, shape.n) &&
         fits(shape.c, shape.m, shape.n) && shape.a.type == shape.b.type &&
         (shape.c.type == shape.a.type || shape.c.type == CUDA_R_32F);
}

// Queues `run` on the handle's stream.
template <typename Run>
cublasStatus_t queue(cublasHandle_t handle, Run run) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  const cudaError_t error = cuda_emulation::api_call([&](Call& call) {
    const auto stream = call.state.stream(handle->stream, call.device);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    call.state.enqueue(stream, {std::move(run), {}, {}});
    return cudaSuccess;
  });
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

// A fault unless the whole operand is device (or pinned) memory; asked when the work runs.
MaybeFault check(const char* name, const void* base, std::size_t bytes) {
  cuda_emulation::State& all = cuda_emulation::state();
  if (bytes == 0 || all.memory.find(base, bytes) != nullptr || all.pinned.holds(base, bytes)) {
    return {};
  }
  return Fault{cudaErrorIllegalAddress, std::string("cuBLAS: ") + name + ": " +
                                            all.memory.describe(base) +
                                            " does not hold the whole matrix"};
}

MaybeFault run_one(const Shape& shape, const void* a, const void* b, void* c) {
  if (auto fault = check("A", a, span_bytes(shape.a, shape.m, shape.k))) return fault;
  if (auto fault = check("B", b, span_bytes(shape.b, shape.k, shape.n))) return fault;
  if (auto fault = check("C", c, span_bytes(shape.c, shape.m, shape.n))) return fault;
  multiply(shape, a, b, c);
  return {};
}

struct Batch {
  Shape shape;
  int count = 0;
};

struct Pointers {
  const void* const* a = nullptr;
  const void* const* b = nullptr;
  void* const* c = nullptr;
};

cublasStatus_t queue_batches(cublasHandle_t handle, std::vector<Batch> batches, Pointers at) {
  std::size_t total = 0;
  for (const Batch& batch : batches) {
    if (!shape_fits(batch.shape) || batch.count < 0) return CUBLAS_STATUS_INVALID_VALUE;
    total += static_cast<std::size_t>(batch.count);
  }
  return queue(handle, [batches = std::move(batches), at, total]() mutable -> MaybeFault {
    const std::size_t bytes = total * sizeof(void*);
    if (auto fault = check("Aarray", at.a, bytes)) return fault;
    if (auto fault = check("Barray", at.b, bytes)) return fault;
    if (auto fault = check("Carray", at.c, bytes)) return fault;
    for (const Batch& batch : batches) {
      for (int i = 0; i < batch.count; ++i) {
        if (auto fault = run_one(batch.shape, *at.a++, *at.b++, *at.c++)) return fault;
      }
    }
    return {};
  });
}

}  // namespace

const char* cublasGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH: return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_MAPPING_ERROR: return "CUBLAS_STATUS_MAPPING_ERROR";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR: return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    case CUBLAS_STATUS_LICENSE_ERROR: return "CUBLAS_STATUS_LICENSE_ERROR";
  }
  return "unknown cuBLAS status";
}

const char* cublasGetStatusString(cublasStatus_t status) { return cublasGetStatusName(status); }

cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = new cublasContext;
  cuda_emulation::State& all = cuda_emulation::state();
  const std::lock_guard lock(all.mutex);
  ++all.counters.cublas_handles;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetVersion(cublasHandle_t /*handle*/, int* version) {
  *version = 130000;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* /*workspace*/,
                                  std::size_t /*bytes*/) {
  return handle == nullptr ? CUBLAS_STATUS_NOT_INITIALIZED : CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t /*mode*/) {
  return handle == nullptr ? CUBLAS_STATUS_NOT_INITIALIZED : CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetPointerMode(cublasHandle_t handle, cublasPointerMode_t /*mode*/) {
  return handle == nullptr ? CUBLAS_STATUS_NOT_INITIALIZED : CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa,
                            cublasOperation_t transb, int m, int n, int k, const void* alpha,
                            const void* A, cudaDataType Atype, int lda, const void* B,
                            cudaDataType Btype, int ldb, const void* beta, void* C,
                            cudaDataType Ctype, int ldc, cublasComputeType_t /*computeType*/,
                            cublasGemmAlgo_t /*algo*/) {
  const Shape shape{m,
                    n,
                    k,
                    *static_cast<const float*>(alpha),
                    *static_cast<const float*>(beta),
                    {Atype, lda, transa},
                    {Btype, ldb, transb},
                    {Ctype, ldc, CUBLAS_OP_N}};
  if (!shape_fits(shape)) return CUBLAS_STATUS_INVALID_VALUE;
  return queue(handle, [=] { return run_one(shape, A, B, C); });
}

cublasStatus_t cublasGemmBatchedEx(cublasHandle_t handle, cublasOperation_t transa,
                                   cublasOperation_t transb, int m, int n, int k, const void* alpha,
                                   const void* const Aarray[], cudaDataType Atype, int lda,
                                   const void* const Barray[], cudaDataType Btype, int ldb,
                                   const void* beta, void* const Carray[], cudaDataType Ctype,
                                   int ldc, int batchCount, cublasComputeType_t computeType,
                                   cublasGemmAlgo_t /*algo*/) {
  return cublasGemmGroupedBatchedEx(handle, &transa, &transb, &m, &n, &k, alpha, Aarray, Atype,
                                    &lda, Barray, Btype, &ldb, beta, Carray, Ctype, &ldc, 1,
                                    &batchCount, computeType);
}

cublasStatus_t cublasGemmGroupedBatchedEx(
    cublasHandle_t handle, const cublasOperation_t transa_array[],
    const cublasOperation_t transb_array[], const int m_array[], const int n_array[],
    const int k_array[], const void* alpha_array, const void* const Aarray[], cudaDataType_t Atype,
    const int lda_array[], const void* const Barray[], cudaDataType_t Btype, const int ldb_array[],
    const void* beta_array, void* const Carray[], cudaDataType_t Ctype, const int ldc_array[],
    int group_count, const int group_size[], cublasComputeType_t /*computeType*/) {
  if (group_count < 0) return CUBLAS_STATUS_INVALID_VALUE;
  std::vector<Batch> batches;
  for (int g = 0; g < group_count; ++g) {
    const Shape shape{m_array[g],
                      n_array[g],
                      k_array[g],
                      static_cast<const float*>(alpha_array)[g],
                      static_cast<const float*>(beta_array)[g],
                      {Atype, lda_array[g], transa_array[g]},
                      {Btype, ldb_array[g], transb_array[g]},
                      {Ctype, ldc_array[g], CUBLAS_OP_N}};
    batches.push_back({shape, group_size[g]});
  }
  return queue_batches(handle, std::move(batches), {Aarray, Barray, Carray});
}

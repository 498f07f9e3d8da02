// kernels/cuda/library_gemm.h -- the seam to the vendor's matrix product: kernels/cuda_cublas where
// the build found cuBLAS, else kernels/cuda_cublas_absent. Asked for by DeviceOptions::cuda_gemm
// only: a library picks its kernel by the number of rows, so a row's bits depend on its batch (law
// 1 of kernels/device.h is given up). Not the default (matmul.cu, tensor_matmul.cu). Thread safety:
// shared objects: unsafe.
#pragma once

#include <memory>
#include <string>

#include "kernels/cuda/cuda_memory.h"
#include "kernels/cuda/kernels.h"
#include "runtime/base/error.h"

namespace switchyard::kernels::cuda {

// y = x * W^T, or y += x * W^T (y fp32 then); sums in fp32. x and W share a type; y is fp32 or it.
enum class LibraryStore { kSet, kAdd };
struct LibraryGemmArgs {
  ConstRowBlock x;                    // [rows, in]
  const std::byte* weight = nullptr;  // [out, in], of x's type
  std::size_t weight_stride_bytes = 0;
  std::size_t in = 0;
  std::size_t out = 0;
  std::size_t rows = 0;
  RowBlock y;
  LibraryStore store = LibraryStore::kSet;
};

class LibraryGemm {
 public:
  virtual ~LibraryGemm() = default;
  // Queues the product on the stream that it was made for. Errors: kInternal, scope kDevice.
  [[nodiscard]] virtual Result<void> multiply(const LibraryGemmArgs& args) = 0;
};

// `stream` outlives it. Errors: kUnsupported where the build has none, and the library's.
[[nodiscard]] Result<std::unique_ptr<LibraryGemm>> make_library_gemm(const Stream& stream);
// Why there is none in this build; empty where there is one.
[[nodiscard]] std::string library_gemm_missing();

}  // namespace switchyard::kernels::cuda

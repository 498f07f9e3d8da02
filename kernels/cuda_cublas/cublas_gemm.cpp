// LibraryGemm over cuBLAS. One cublasGemmEx a matrix: the grouped call (cublasGemmGroupedBatchedEx)
// has no fp32 result for bf16 operands, which SwiGLU wants; for the rest see docs/adr/0007.
#include <limits>
#include <utility>

#include "kernels/cuda/library_gemm.h"
#include "kernels/cuda_cublas/cublas_functions.h"
#include "runtime/base/check.h"

namespace switchyard::kernels::cuda {
namespace {

// cuBLAS would allocate one for itself, at an unknown time.
constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;

cudaDataType_t library_type(DType dtype) {
  SY_CHECK(dtype != DType::kF16, "no product of {}", to_string(dtype));
  return dtype == DType::kBf16 ? CUDA_R_16BF : CUDA_R_32F;
}

int whole(std::size_t value) {
  SY_CHECK(value <= static_cast<std::size_t>(std::numeric_limits<int>::max()), "{}", value);
  return static_cast<int>(value);
}

class CublasGemm final : public LibraryGemm {
 public:
  CublasGemm(const CublasFunctions& cublas, DeviceMemory workspace) noexcept
      : cublas_(cublas), workspace_(std::move(workspace)) {}
  ~CublasGemm() override {
    if (handle_ != nullptr) (void)cublas_.destroy(handle_);
  }
  CublasGemm(const CublasGemm&) = delete;
  CublasGemm& operator=(const CublasGemm&) = delete;

  Result<void> start(const Stream& stream) {
    SY_TRY(check(cublas_.create(&handle_), "making a handle"));
    SY_TRY(check(cublas_.set_stream(handle_, stream.get()), "choosing the stream"));
    SY_TRY(check(cublas_.set_workspace(handle_, workspace_.data(), kWorkspaceBytes),
                 "lending a workspace"));
    return check(cublas_.set_math_mode(handle_, CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION),
                 "choosing fp32 sums");
  }

  // Rows of ours are columns of cuBLAS: y^T [out, rows] = W [out, in] * x^T [in, rows].
  Result<void> multiply(const LibraryGemmArgs& args) override {
    SY_CHECK(args.store == LibraryStore::kSet || args.y.dtype == DType::kF32);
    const float one = 1.0F;
    const float beta = args.store == LibraryStore::kAdd ? 1.0F : 0.0F;
    const auto operand = library_type(args.x.dtype);
    const auto leading = [](std::size_t stride_bytes, DType dtype) {
      return whole(stride_bytes / size_bytes(dtype));
    };
    const auto status = cublas_.gemm(
        handle_, CUBLAS_OP_T, CUBLAS_OP_N, whole(args.out), whole(args.rows), whole(args.in), &one,
        args.weight, operand, leading(args.weight_stride_bytes, args.x.dtype), args.x.data, operand,
        leading(args.x.stride_bytes, args.x.dtype), &beta, args.y.data, library_type(args.y.dtype),
        leading(args.y.stride_bytes, args.y.dtype), CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
    return check(status, "a product");
  }

 private:
  [[nodiscard]] Result<void> check(cublasStatus_t status, std::string_view what) const {
    if (status == CUBLAS_STATUS_SUCCESS) return {};
    return fail(status == CUBLAS_STATUS_ALLOC_FAILED ? ErrorCode::kLimit : ErrorCode::kInternal,
                ErrorScope::kDevice, "cublas: {}: {}", what, cublas_.status_text(status));
  }

  CublasFunctions cublas_;
  DeviceMemory workspace_;
  cublasHandle_t handle_ = nullptr;
};

}  // namespace

std::string library_gemm_missing() {
  const auto cublas = load_cublas();
  return cublas ? std::string() : cublas.error().message;
}

Result<std::unique_ptr<LibraryGemm>> make_library_gemm(const Stream& stream) {
  auto cublas = load_cublas();
  if (!cublas) return with_place(std::move(cublas).error(), "device.cuda_gemm cublas");
  SY_ASSIGN(auto workspace, allocate_device(kWorkspaceBytes));
  auto library = std::make_unique<CublasGemm>(*cublas, std::move(workspace));
  SY_TRY(library->start(stream));
  return library;
}

}  // namespace switchyard::kernels::cuda

// The products of CudaDevice that go to the vendor's library, where one was asked for.
#include <algorithm>

#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/limits.h"
#include "runtime/base/check.h"

namespace switchyard::kernels::cuda {

bool CudaDevice::by_library(std::size_t rows, DType result) const noexcept {
  return library_ != nullptr && rows >= kLibraryRowsMin &&
         (result == DType::kF32 || result == operand());
}

void CudaDevice::library_multiply(const DeviceMatrix& matrix, ConstRowBlock x, std::size_t rows,
                                  RowBlock y, LibraryStore store) {
  LibraryGemmArgs args;
  args.x = x;
  args.weight = matrix.memory.data();
  args.weight_stride_bytes = matrix.stride_bytes;
  args.in = matrix.in;
  args.out = matrix.out;
  args.rows = rows;
  args.y = y;
  args.store = store;
  if (!failure_) (void)fine(library_->multiply(args));
}

// Gate and up wait in fp32 between the library's product and our SwiGLU: so many rows at a time.
void CudaDevice::library_ffn(const CudaPackedExpert& expert, ConstRowBlock x, RowBlock inner,
                             std::size_t rows, RowBlock y, LibraryStore store) {
  const std::size_t columns = expert.gate_up.out;  // 2 f
  const std::size_t chunk = std::min(rows, kLibraryChunkRows);
  SY_CHECK(chunk * columns * sizeof(float) <= gate_up_.bytes(),
           "{} rows of {} columns in scratch of {} bytes: reserve() more", chunk, columns,
           gate_up_.bytes());
  const RowBlock gate_up{gate_up_.data(), DType::kF32, columns * sizeof(float)};
  for (std::size_t begin = 0; begin < rows && !failure_; begin += chunk) {
    const std::size_t count = std::min(chunk, rows - begin);
    const ConstRowBlock from{x.data + begin * x.stride_bytes, x.dtype, x.stride_bytes};
    library_multiply(expert.gate_up, from, count, gate_up, LibraryStore::kSet);
    SwigluArgs args;
    args.gate_up = gate_up_.f32();
    args.gate_up_stride = columns;
    args.to = {inner.data + begin * inner.stride_bytes, inner.dtype, inner.stride_bytes};
    args.rows = count;
    args.cols = expert.inner();
    if (!failure_) (void)fine(launch_swiglu(stream_.get(), args), "swiglu");
  }
  library_multiply(expert.down, {inner.data, inner.dtype, inner.stride_bytes}, rows, y, store);
}

}  // namespace switchyard::kernels::cuda

// kernels/cuda/packed_weights.h -- weights and the KV cache on a CUDA device.
// A matrix lies row by row in the operand type, rows padded with zeros to 64 bytes. The
// gate and the up matrix of an expert alternate row by row.
// Thread safety: shared const objects: safe.
#pragma once

#include "kernels/cuda/cuda_memory.h"
#include "kernels/cuda/kernels.h"
#include "kernels/device.h"

namespace switchyard::kernels::cuda {

struct DeviceMatrix {
  DeviceMemory memory;
  std::size_t out = 0;  // rows
  std::size_t in = 0;   // columns
  std::size_t stride_bytes = 0;
};

class CudaPackedMatrix final : public PackedMatrix {
 public:
  explicit CudaPackedMatrix(DeviceMatrix packed) : matrix(std::move(packed)) {}
  std::size_t out() const noexcept override { return matrix.out; }
  std::size_t in() const noexcept override { return matrix.in; }
  std::size_t bytes() const noexcept override { return matrix.memory.bytes(); }

  DeviceMatrix matrix;
};

class CudaPackedExpert final : public PackedExpert {
 public:
  CudaPackedExpert(DeviceMatrix gate_and_up, DeviceMatrix packed_down)
      : gate_up(std::move(gate_and_up)), down(std::move(packed_down)) {}
  std::size_t hidden() const noexcept override { return down.out; }
  std::size_t inner() const noexcept override { return down.in; }
  std::size_t bytes() const noexcept override {
    return gate_up.memory.bytes() + down.memory.bytes();
  }

  DeviceMatrix gate_up;  // [2 f, d]
  DeviceMatrix down;     // [d, f]
};

// [layers][pages][kv heads][keys, values][64][head size rounded up to 8].
class CudaKvCache final : public KvCache {
 public:
  // Zeroed on `stream`: what lies behind a head's last element is multiplied. Errors: kLimit.
  [[nodiscard]] static Result<std::unique_ptr<KvCache>> create(const Stream& stream,
                                                               const KvCacheShape& shape,
                                                               DType dtype);
  const KvCacheShape& shape() const noexcept override { return shape_; }
  std::size_t bytes() const noexcept override { return memory_.bytes(); }
  [[nodiscard]] KvBlocks blocks(std::size_t layer) noexcept;

 private:
  CudaKvCache(const KvCacheShape& shape, DType dtype);
  KvCacheShape shape_;
  KvBlocks blocks_;
  DeviceMemory memory_;
};

}  // namespace switchyard::kernels::cuda

// kernels/cuda/cuda_packing.h -- brings a checkpoint's matrices to the device: rows are copied as
// they are stored and converted there. Used while loading only; not on the hot path. Thread safety:
// shared objects: unsafe.
#pragma once

#include "kernels/cuda/cuda_memory.h"
#include "kernels/cuda/packed_weights.h"

namespace switchyard::kernels::cuda {

class Packer {
 public:
  [[nodiscard]] static Result<Packer> create();

  // Errors: kBadInput naming the first non-finite [row, column]; kLimit.
  [[nodiscard]] Result<DeviceMatrix> matrix(const Stream& stream, const WeightView& weight,
                                            DType operand);
  // Rows gate 0, up 0, gate 1, ... Errors: as matrix(), naming the part.
  [[nodiscard]] Result<DeviceMatrix> gate_up(const Stream& stream, const WeightView& gate,
                                             const WeightView& up, DType operand);

 private:
  // Row r of `weight` becomes row r * step + offset.
  struct Place {
    std::size_t step = 1;
    std::size_t offset = 0;
  };
  Packer(DeviceMemory raw, DeviceMemory bad, Event done) noexcept
      : raw_(std::move(raw)), bad_(std::move(bad)), done_(std::move(done)) {}
  [[nodiscard]] Result<void> fill(const Stream& stream, const WeightView& weight, DType operand,
                                  Place place, DeviceMatrix& to);

  DeviceMemory raw_;  // rows as stored
  DeviceMemory bad_;  // one 64-bit place
  Event done_;
};

}  // namespace switchyard::kernels::cuda

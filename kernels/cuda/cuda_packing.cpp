#include "kernels/cuda/cuda_packing.h"

#include <algorithm>

#include "kernels/cuda/cuda_error.h"
#include "kernels/cuda/limits.h"
#include "runtime/base/check.h"

namespace switchyard::kernels::cuda {
namespace {

// Rows begin at multiples of it, with zeros behind them.
constexpr std::size_t kRowUnitBytes = 64;
constexpr unsigned long long kAllFinite = ~0ULL;

Result<DeviceMatrix> make_matrix(const Stream& stream, std::size_t out, std::size_t in,
                                 DType operand) {
  DeviceMatrix matrix;
  matrix.out = out;
  matrix.in = in;
  matrix.stride_bytes =
      (in * size_bytes(operand) + kRowUnitBytes - 1) / kRowUnitBytes * kRowUnitBytes;
  SY_ASSIGN(matrix.memory, allocate_device(out * matrix.stride_bytes));
  SY_TRY(check(cudaMemsetAsync(matrix.memory.data(), 0, matrix.memory.bytes(), stream.get()),
               "clearing a matrix"));
  return matrix;
}

}  // namespace

Result<Packer> Packer::create() {
  SY_ASSIGN(auto raw, allocate_device(kPackBytes));
  SY_ASSIGN(auto bad, allocate_device(sizeof kAllFinite));
  SY_ASSIGN(auto done, Event::create());
  return Packer(std::move(raw), std::move(bad), std::move(done));
}

Result<void> Packer::fill(const Stream& stream, const WeightView& weight, DType operand,
                          Place place, DeviceMatrix& to) {
  const std::size_t row_bytes = weight.in * size_bytes(weight.dtype);
  SY_CHECK(row_bytes > 0 && row_bytes <= raw_.bytes(), "a row of {} bytes", row_bytes);
  SY_TRY(check(cudaMemsetAsync(bad_.data(), 0xFF, bad_.bytes(), stream.get()), "packing"));
  const std::size_t rows_max = raw_.bytes() / row_bytes;
  for (std::size_t row = 0; row < weight.out; row += rows_max) {
    PackArgs args;
    args.rows = std::min(rows_max, weight.out - row);
    SY_TRY(check(cudaMemcpyAsync(raw_.data(), weight.data + row * row_bytes, args.rows * row_bytes,
                                 cudaMemcpyHostToDevice, stream.get()),
                 "copying weights"));
    args.from = raw_.data();
    args.from_dtype = weight.dtype;
    args.cols = weight.in;
    args.first_row = row;
    args.to = {to.memory.data(), operand, to.stride_bytes};
    args.to_step = place.step;
    args.to_offset = place.offset;
    args.bad = reinterpret_cast<unsigned long long*>(bad_.data());
    SY_TRY(check(launch_pack(stream.get(), args), "packing"));
  }
  unsigned long long bad = kAllFinite;
  SY_TRY(check(cudaMemcpyAsync(&bad, bad_.data(), sizeof bad, cudaMemcpyDeviceToHost, stream.get()),
               "packing"));
  SY_TRY(done_.record(stream));
  SY_TRY(done_.wait(kDeviceWaitMax));
  if (bad == kAllFinite) return {};
  return fail(ErrorCode::kBadInput, "weight [{}, {}] is not finite", bad / weight.in,
              bad % weight.in);
}

Result<DeviceMatrix> Packer::matrix(const Stream& stream, const WeightView& weight, DType operand) {
  SY_CHECK(weight.out > 0 && weight.in > 0);
  SY_ASSIGN(auto to, make_matrix(stream, weight.out, weight.in, operand));
  SY_TRY(fill(stream, weight, operand, {}, to));
  return to;
}

Result<DeviceMatrix> Packer::gate_up(const Stream& stream, const WeightView& gate,
                                     const WeightView& up, DType operand) {
  SY_CHECK(gate.out == up.out && gate.in == up.in && gate.out > 0, "gate [{}, {}], up [{}, {}]",
           gate.out, gate.in, up.out, up.in);
  SY_ASSIGN(auto to, make_matrix(stream, 2 * gate.out, gate.in, operand));
  if (auto fine = fill(stream, gate, operand, {2, 0}, to); !fine) {
    return with_place(std::move(fine).error(), "gate");
  }
  if (auto fine = fill(stream, up, operand, {2, 1}, to); !fine) {
    return with_place(std::move(fine).error(), "up");
  }
  return to;
}

}  // namespace switchyard::kernels::cuda

#include "kernels/cuda/table_ring.h"

#include "kernels/cuda/cuda_error.h"
#include "kernels/cuda/limits.h"
#include "runtime/base/check.h"

namespace switchyard::kernels::cuda {

Result<TableRing> TableRing::create(std::size_t half_bytes) {
  const std::size_t rounded = (half_bytes + kAlignBytes - 1) / kAlignBytes * kAlignBytes;
  SY_ASSIGN(auto host, allocate_pinned(2 * rounded));
  SY_ASSIGN(auto device, allocate_device(2 * rounded));
  SY_ASSIGN(auto first, Event::create());
  SY_ASSIGN(auto second, Event::create());
  return TableRing(std::move(host), std::move(device), {std::move(first), std::move(second)});
}

Result<void> TableRing::begin(const Stream& stream, std::size_t bytes, std::size_t count) {
  const std::size_t needed = bytes + count * kAlignBytes;
  SY_CHECK(needed <= half_bytes_, "tables of {} bytes in a ring of {}: reserve() more", needed,
           half_bytes_);
  if (at_ + needed <= half_bytes_) return {};
  SY_TRY(done_[half_].record(stream));
  half_ = 1 - half_;
  at_ = 0;
  flushed_ = 0;
  return done_[half_].wait(kDeviceWaitMax);
}

std::byte* TableRing::take(std::size_t bytes) {
  const std::size_t offset = half_ * half_bytes_ + at_;
  at_ += (bytes + kAlignBytes - 1) / kAlignBytes * kAlignBytes;
  SY_CHECK(at_ <= half_bytes_, "a table of {} bytes was not announced", bytes);
  return host_.data() + offset;
}

Result<void> TableRing::flush(const Stream& stream) {
  if (at_ == flushed_) return {};
  const std::size_t offset = half_ * half_bytes_ + flushed_;
  const std::size_t bytes = at_ - flushed_;
  flushed_ = at_;
  return check(cudaMemcpyAsync(device_.data() + offset, host_.data() + offset, bytes,
                               cudaMemcpyHostToDevice, stream.get()),
               "copying tables");
}

}  // namespace switchyard::kernels::cuda

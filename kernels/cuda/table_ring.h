// kernels/cuda/table_ring.h -- carries the small tables of an op (ids, positions, pairs) to the
// device: written into pinned memory, copied behind one another on the stream, no allocation, no
// wait while the ring is not full. Two halves: a half is written again when the work that read it
// is done. Thread safety: shared objects: unsafe.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "kernels/cuda/cuda_memory.h"

namespace switchyard::kernels::cuda {

class TableRing {
 public:
  // half_bytes: the tables of one op at most. Errors: kLimit.
  [[nodiscard]] static Result<TableRing> create(std::size_t half_bytes);
  [[nodiscard]] std::size_t half_bytes() const noexcept { return half_bytes_; }

  // Before the tables of an op: room for `count` tables of `bytes` bytes together.
  [[nodiscard]] Result<void> begin(const Stream& stream, std::size_t bytes, std::size_t count);
  // Where the device will find a table; its elements are copied now.
  template <class T>
  [[nodiscard]] const T* add(std::span<const T> values) {
    T* to = make<T>(values.size());
    if (!values.empty()) std::memcpy(static_cast<void*>(to), values.data(), values.size_bytes());
    return on_device(to);
  }
  // Room that the host fills before flush(), and where the device will find it.
  template <class T>
  [[nodiscard]] T* make(std::size_t count) {
    return reinterpret_cast<T*>(take(count * sizeof(T)));
  }
  template <class T>
  [[nodiscard]] const T* on_device(const T* host) const noexcept {
    const auto offset = reinterpret_cast<const std::byte*>(host) - host_.data();
    return reinterpret_cast<const T*>(device_.data() + offset);
  }
  // After the tables, before the kernels: queues their copy.
  [[nodiscard]] Result<void> flush(const Stream& stream);

 private:
  static constexpr std::size_t kAlignBytes = 16;
  TableRing(HostBuffer host, DeviceMemory device, std::array<Event, 2> events) noexcept
      : half_bytes_(host.bytes() / 2),
        host_(std::move(host)),
        device_(std::move(device)),
        done_(std::move(events)) {}
  [[nodiscard]] std::byte* take(std::size_t bytes);

  std::size_t half_bytes_;
  HostBuffer host_;      // [2 * half_bytes_]
  DeviceMemory device_;  // likewise
  std::array<Event, 2> done_;
  std::size_t half_ = 0;
  std::size_t at_ = 0;       // in the half
  std::size_t flushed_ = 0;  // up to here in the half
};

}  // namespace switchyard::kernels::cuda

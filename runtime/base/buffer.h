// runtime/base/buffer.h -- owning, move-only, 64-byte aligned memory that host code may touch.
// Large buffers ask the kernel for huge pages (fewer TLB misses when weights are streamed).
// Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include "runtime/base/view.h"

namespace switchyard {

// `bytes` bytes of zeroed memory. Allocation failure is a check failure: sizes are bounded by
// limits.
class HostBuffer {
 public:
  HostBuffer() = default;
  explicit HostBuffer(std::size_t bytes);
  // Takes over memory that someone else made (a device's pinned memory); `release` gives it back.
  using Release = void (*)(std::byte* data, std::size_t bytes) noexcept;
  HostBuffer(std::byte* data, std::size_t bytes, Release release) noexcept
      : data_(data), bytes_(bytes), release_(release) {}
  ~HostBuffer() {
    if (data_ != nullptr) release_(data_, bytes_);
  }
  HostBuffer(HostBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        release_(other.release_) {}
  HostBuffer& operator=(HostBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(release_, other.release_);
    return *this;
  }
  HostBuffer(const HostBuffer&) = delete;
  HostBuffer& operator=(const HostBuffer&) = delete;

  [[nodiscard]] std::byte* data() noexcept { return data_; }
  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] MutableBytes span() noexcept { return {data_, bytes_}; }
  [[nodiscard]] Bytes span() const noexcept { return {data_, bytes_}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  Release release_ = nullptr;
};

// `count` zeroed elements of a trivial type.
template <class T>
class Array {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Array() = default;
  explicit Array(std::size_t count) : buffer_(count * sizeof(T)), count_(count) {}
  explicit Array(HostBuffer buffer)
      : buffer_(std::move(buffer)), count_(buffer_.bytes() / sizeof(T)) {}

  [[nodiscard]] T* data() noexcept { return reinterpret_cast<T*>(buffer_.data()); }
  [[nodiscard]] const T* data() const noexcept {
    return reinterpret_cast<const T*>(buffer_.data());
  }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] std::span<T> span() noexcept { return {data(), count_}; }
  [[nodiscard]] std::span<const T> span() const noexcept { return {data(), count_}; }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return data()[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return data()[i]; }

 private:
  HostBuffer buffer_;
  std::size_t count_ = 0;
};

}  // namespace switchyard

// kernels/device_memory.h -- owned memory of a device, which only its ops may touch.
// Not for messages or anything else that host code reads: that is wire memory
// (Device::allocate_wire), a HostBuffer. Thread safety: shared objects: unsafe.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "runtime/base/buffer.h"
#include "runtime/base/view.h"

namespace switchyard::kernels {

// Made by Device::allocate(). The address is good for the views that ops take; on some devices the
// host faults where it follows it. Given back when destroyed, before the device.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  // The owner knows how the bytes are given back.
  explicit DeviceMemory(HostBuffer owner) noexcept : owner_(std::move(owner)) {}

  [[nodiscard]] std::byte* data() noexcept { return owner_.data(); }
  [[nodiscard]] const std::byte* data() const noexcept { return owner_.data(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return owner_.bytes(); }
  // As fp32 elements.
  [[nodiscard]] float* f32() noexcept { return reinterpret_cast<float*>(owner_.data()); }
  [[nodiscard]] std::span<const float> f32_span() const noexcept {
    return {reinterpret_cast<const float*>(owner_.data()), owner_.bytes() / sizeof(float)};
  }

 private:
  HostBuffer owner_;
};

}  // namespace switchyard::kernels

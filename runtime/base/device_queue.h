// runtime/base/device_queue.h -- the queue in which a device runs its ops, for whoever orders work
// of its own with them. Opaque: only rooms that know the maker's runtime look inside (a CUDA
// stream). Thread safety: a value.
#pragma once

namespace switchyard {

struct DeviceQueue {
  void* handle = nullptr;
  // False: there is none, and what the ops have written is there when the host has waited for it.
  [[nodiscard]] explicit operator bool() const noexcept { return handle != nullptr; }
};

}  // namespace switchyard

// tests/cuda_emulation/runtime/access_window.h -- the time in which device memory may be touched,
// and what happens to accesses that may not be.
// While an AccessWindow lives, its thread may touch device memory; allocations open one by one at
// the first touch (a signal handler) and close together at the end. A bad access inside a kernel
// ends the kernel with a fault; one by host code ends the process with a message.
#pragma once

#include "tests/cuda_emulation/runtime/device_memory.h"

namespace cuda_emulation {

class AccessWindow {
 public:
  // The engine's lock is held for as long as the window lives. Windows do not nest.
  explicit AccessWindow(DeviceMemory& memory);
  AccessWindow(const AccessWindow&) = delete;
  AccessWindow& operator=(const AccessWindow&) = delete;
  ~AccessWindow();

 private:
  DeviceMemory& memory_;
};

// Installs the signal handlers, once.
void watch_accesses(DeviceMemory& memory);

}  // namespace cuda_emulation

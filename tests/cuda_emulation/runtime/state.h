// tests/cuda_emulation/runtime/state.h -- everything the emulated runtime knows, one per process as
// CUDA's is, and the frame that every call of the API goes through.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/cuda_emulation/control.h"
#include "tests/cuda_emulation/runtime/device_memory.h"
#include "tests/cuda_emulation/runtime/engine.h"
#include "tests/cuda_emulation/runtime/fiber.h"
#include "tests/cuda_emulation/runtime/pinned_memory.h"

namespace cuda_emulation {

struct DeviceState {
  cudaError_t sticky = cudaSuccess;
  std::shared_ptr<Stream> default_stream;
  std::map<cudaStream_t, std::shared_ptr<Stream>> streams;
};

class State {
 public:
  State();

  // The stream of a handle as seen from a device; null when there is none.
  [[nodiscard]] std::shared_ptr<Stream> stream(cudaStream_t handle, int device) const;
  [[nodiscard]] Event* event(cudaEvent_t handle) const;
  // Queues work with what the legacy default stream adds to its needs.
  void enqueue(const std::shared_ptr<Stream>& stream, Work work);
  void set_device_count(int count);
  void clear_device(int device);  // queued work, memory, streams and the sticky error
  // The calling thread's device, or 0 when that is gone.
  [[nodiscard]] int device_of_thread() const;
  [[nodiscard]] const std::string& name_of(const void* kernel);
  void note_fault(int device, const Fault& fault);

  std::mutex mutex;
  DeviceMemory memory;
  PinnedMemory pinned;
  Engine engine;
  FiberPool fibers;
  Counters counters;
  std::uint64_t queued = 0;  // pieces of work, in all streams so far
  std::vector<DeviceState> devices;
  int processors = 132;  // of a device
  std::map<cudaEvent_t, std::unique_ptr<Event>> events;
  std::map<const void*, int> dynamic_bytes_allowed;  // per kernel
  std::map<const void*, std::string> kernel_names;
  std::map<int, std::size_t> pool_bytes_kept;  // per device; freed in stream order, not given back
  std::string last_fault;
};

[[nodiscard]] State& state();

// What a call of the API works with.
struct Call {
  State& state;
  Engine::Lock& lock;
  int device;

  [[nodiscard]] cudaError_t status() const { return state.devices[device].sticky; }
  // Waits for the mark; answers what became of the device.
  [[nodiscard]] cudaError_t wait(const Mark& mark) const;
};

// The device of the calling thread, and its last error.
[[nodiscard]] int& current_device();
[[nodiscard]] cudaError_t& last_error();
// Whether the calling thread is inside a function of cudaLaunchHostFunc.
[[nodiscard]] bool& in_host_function();

// Runs body(Call&) under the lock if there are devices and the current one has not failed, and
// notes its error as the thread's last.
template <typename Body>
cudaError_t api_call(Body body) {
  const auto note = [](cudaError_t error) {
    if (error != cudaSuccess) last_error() = error;
    return error;
  };
  if (in_host_function()) return note(cudaErrorNotPermitted);
  State& all = state();
  Engine::Lock lock(all.mutex);
  if (all.devices.empty()) return note(cudaErrorNoDevice);
  Call call{all, lock, all.device_of_thread()};
  if (call.status() != cudaSuccess) return note(call.status());
  return note(body(call));
}

}  // namespace cuda_emulation

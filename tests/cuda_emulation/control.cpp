#include "tests/cuda_emulation/control.h"

#include "tests/cuda_emulation/runtime/state.h"

namespace cuda_emulation {

void set_schedule(const Schedule& schedule) {
  const std::lock_guard lock(state().mutex);
  state().engine.set_schedule(schedule);
}

Schedule schedule() {
  const std::lock_guard lock(state().mutex);
  return state().engine.schedule();
}

void set_device_count(int count) {
  const std::lock_guard lock(state().mutex);
  state().set_device_count(count);
}

void set_processor_count(int count) {
  const std::lock_guard lock(state().mutex);
  state().processors = count;
}

void set_memory_limit(std::size_t bytes) {
  const std::lock_guard lock(state().mutex);
  state().memory.set_limit(bytes);
}

std::size_t pool_bytes_kept() {
  const std::lock_guard lock(state().mutex);
  std::size_t bytes = 0;
  for (const auto& [device, kept] : state().pool_bytes_kept) bytes += kept;
  return bytes;
}

std::size_t device_bytes_in_use() {
  const std::lock_guard lock(state().mutex);
  return state().memory.in_use();
}

std::string last_fault() {
  const std::lock_guard lock(state().mutex);
  return state().last_fault;
}

void reset() {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  for (int device = 0; device < static_cast<int>(all.devices.size()); ++device) {
    all.clear_device(device);
  }
  all.pinned.release_all();
  all.last_fault.clear();
  all.counters = {};
  last_error() = cudaSuccess;
  all.pool_bytes_kept.clear();
}

Counters counters() {
  const std::lock_guard lock(state().mutex);
  return state().counters;
}

}  // namespace cuda_emulation

// tests/cuda_emulation/control.h -- what a test tells the emulation and asks it; not part of CUDA.
// Call these while no work is queued. Everything is of the process; functions are thread-safe.
// The same may be set from outside, for programs that do not know they are emulated:
// CUDA_EMULATION_SCHEDULE=ascending|descending|random, CUDA_EMULATION_SEED=N,
// CUDA_EMULATION_PROGRESS=late|early|random, CUDA_EMULATION_DEVICES=N.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace cuda_emulation {

// In which order the blocks of a grid, the threads of a block and ready streams are taken. kRandom
// also switches threads at atomics and fences.
enum class Order : std::uint8_t { kAscending, kDescending, kRandom };

// When queued work runs: as late as possible (only when the host waits or asks), at once (as far as
// its dependencies allow), or a random part of it at every call.
enum class Progress : std::uint8_t { kLate, kEarly, kRandom };

struct Schedule {
  Order order = Order::kAscending;
  Progress progress = Progress::kLate;
  std::uint64_t seed = 1;
};

void set_schedule(const Schedule& schedule);
[[nodiscard]] Schedule schedule();
void set_device_count(int count);     // 1 at the start; 0: as on a machine without a GPU
void set_processor_count(int count);  // of every device: 132 at the start
// The next allocations of device or pinned memory beyond this many bytes in all fail.
void set_memory_limit(std::size_t bytes);
// Of all devices together.
[[nodiscard]] std::size_t device_bytes_in_use();
// What was freed in stream order and is kept in the pools of the devices, as with a release
// threshold that is never reached. They may have more in reserve than here; never less.
[[nodiscard]] std::size_t pool_bytes_kept();

// What was wrong with the last kernel that failed; empty when none has since reset().
// "kernel ... block (0,0,0) thread (5,0,0): ...".
[[nodiscard]] std::string last_fault();

// Drops queued work, frees all memory, forgets faults and sticky errors; keeps the schedule.
void reset();

struct Counters {
  std::uint64_t kernels = 0;
  std::uint64_t blocks = 0;
  std::uint64_t threads = 0;
  std::uint64_t switches = 0;        // between fibers
  std::uint64_t host_to_device = 0;  // copies
  std::uint64_t device_to_host = 0;
  std::uint64_t host_waits = 0;  // calls that had to wait for a stream, an event or the device
  // Recordings of events that the host found not ready and asked after again with nothing queued in
  // between, however often: how code waits that has a deadline.
  std::uint64_t polled_waits = 0;
  std::uint64_t pinned_allocations = 0;  // which may wait for every kernel of a real GPU
  std::uint64_t cublas_handles = 0;      // made so far
};
[[nodiscard]] Counters counters();

}  // namespace cuda_emulation

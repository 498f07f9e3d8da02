// runtime/engine/host_meter.h -- how much of what a rank's machine has is in use, by whomever: the
// cores that this process may run on, and the memory that it may have (its control group's, where
// that is less than the machine's). What one rank uses says nothing of how much room is left where
// several share a host. Linux only (/proc, /sys/fs/cgroup). Thread safety: distinct objects: safe.
#pragma once

#include <cstdint>
#include <string>

namespace switchyard::engine {

class HostMeter {
 public:
  // `root`: what stands before /proc and /sys; for tests.
  explicit HostMeter(std::string root = "") : root_(std::move(root)) {}

  // 0..1 of the time of this process's cores since the last call; 0: not known yet.
  [[nodiscard]] double cpu_busy_share();
  // 0..1 now; what can be reclaimed counts as free. 0: not known.
  [[nodiscard]] double memory_share() const;
  // What this process may still have of it; 0: not known.
  [[nodiscard]] std::uint64_t memory_free_bytes() const;

 private:
  std::string root_;
  std::uint64_t busy_ticks_ = 0;
  std::uint64_t all_ticks_ = 0;
};

}  // namespace switchyard::engine

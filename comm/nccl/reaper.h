// comm/nccl/reaper.h -- ends communicators. ncclCommAbort may wait for other processes to abort
// theirs, each of which may wait for us: so every abort has a thread of its own, and nobody waits
// for it but by asking. Aborts are rare. Thread safety: shared objects: unsafe.
#pragma once

#include <nccl.h>

#include <atomic>
#include <memory>
#include <vector>

#include "runtime/base/clock.h"

namespace switchyard::comm::nccl {

class Reaper {
 public:
  // Whether one communicator is gone: nothing of it runs or touches memory any more.
  using Gone = std::shared_ptr<const std::atomic<bool>>;

  // `gpu`: that of the communicator.
  [[nodiscard]] Gone abort(ncclComm_t comm, int gpu);
  // Until all are gone, or the deadline. Those that are not by then end with the process.
  void wait(Deadline deadline) noexcept;

 private:
  std::vector<Gone> pending_;
};

}  // namespace switchyard::comm::nccl

// comm/nccl/reaper.h -- ends communicators. ncclCommAbort may wait for other processes to abort
// theirs, each of which may wait for us: so every abort has a thread of its own, and nobody waits
// for it but by asking. Aborts are rare. Thread safety: shared objects: unsafe.
#pragma once

#include <nccl.h>

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "comm/nccl/registration.h"
#include "runtime/base/clock.h"

namespace switchyard::comm::nccl {

class Reaper {
 public:
  // Whether one communicator is gone: nothing of it runs or touches memory any more.
  using Gone = std::shared_ptr<const std::atomic<bool>>;

  // `gpu`: that of the communicator. `registrations` are taken back first: empty unless nothing is
  // under way and all members are there; else the abort does it, which waits for nobody who is not.
  [[nodiscard]] Gone abort(ncclComm_t comm, int gpu, Registrations registrations = {}) {
    return abort_in_turn({comm}, gpu, std::move(registrations));
  }
  // One after the other, because the first is being made of the second.
  [[nodiscard]] Gone abort_made_of(ncclComm_t child, ncclComm_t parent, int gpu) {
    return abort_in_turn({child, parent}, gpu, {});
  }
  // Until all are gone (true), or the deadline. Those that are not by then end with the process,
  // and so has the memory that they use.
  bool wait(Deadline deadline) noexcept;

 private:
  [[nodiscard]] Gone abort_in_turn(std::vector<ncclComm_t> comms, int gpu,
                                   Registrations registrations);
  std::vector<Gone> pending_;
};

}  // namespace switchyard::comm::nccl

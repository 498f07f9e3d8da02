// comm/nccl/reaper.h -- ends communicators. ncclCommAbort may wait for other processes to abort
// theirs, each of which may wait for us: so every abort has a thread of its own, and nobody waits
// for it but by asking. It may also return too early: where members are threads of one process all
// but the last only tell their kernels to end. So each thread sees the stream empty as well.
// Aborts are rare. Thread safety: shared objects: unsafe.
#pragma once

#include <nccl.h>

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "comm/nccl/cuda_handles.h"
#include "comm/nccl/registration.h"
#include "runtime/base/clock.h"

namespace switchyard::comm::nccl {

class Reaper {
 public:
  // Whether one communicator is gone: nothing of it runs or touches memory any more.
  using Gone = std::shared_ptr<const std::atomic<bool>>;

  // What a communicator lives on: its GPU, and the stream on which all of it runs and nothing else
  // does until it is gone.
  struct Place {
    int gpu = 0;
    std::shared_ptr<const Stream> stream;
  };

  // `kernels_end`: how long they may take after an abort: they wait for nobody any more, but may
  // come behind what a device has still to do. Whose do not end by then is never gone.
  explicit Reaper(Duration kernels_end = std::chrono::seconds(30)) : kernels_end_(kernels_end) {}

  // `registrations` are taken back first: empty unless nothing is under way and all members are
  // there; else the abort does it, which waits for nobody who is not.
  [[nodiscard]] Gone abort(ncclComm_t comm, Place place, Registrations registrations = {}) {
    return abort_both(comm, nullptr, std::move(place), std::move(registrations));
  }
  // Of which another one is being made, or was to be: its end is the end of that making, which
  // tells what has come of it (in `made`, null: nothing). That is ended next.
  [[nodiscard]] Gone abort_making(ncclComm_t comm, std::shared_ptr<const ncclComm_t> made,
                                  Place place) {
    return abort_both(comm, std::move(made), std::move(place), {});
  }
  // Until all are gone (true), or the deadline. Those that are not by then end with the process,
  // and so has the memory that they use.
  bool wait(Deadline deadline) noexcept;

 private:
  [[nodiscard]] Gone abort_both(ncclComm_t comm, std::shared_ptr<const ncclComm_t> made,
                                Place place, Registrations registrations);
  Duration kernels_end_;
  std::vector<Gone> pending_;
};

}  // namespace switchyard::comm::nccl

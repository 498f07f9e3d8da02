#include "comm/nccl/reaper.h"

#include <cuda_runtime_api.h>

#include <thread>
#include <utility>

namespace switchyard::comm::nccl {

Reaper::Gone Reaper::abort_in_turn(std::vector<ncclComm_t> comms, int gpu,
                                   Registrations registrations) {
  auto gone = std::make_shared<std::atomic<bool>>(false);
  std::erase_if(pending_, [](const Gone& each) { return each->load(); });
  pending_.push_back(gone);
  std::thread([comms = std::move(comms), gpu, gone, registrations = std::move(registrations)] {
    (void)cudaSetDevice(gpu);
    take_back(comms.front(), registrations);
    // Whatever it answers, the communicator may not be touched any more.
    for (const ncclComm_t comm : comms) (void)ncclCommAbort(comm);
    gone->store(true);
    gone->notify_all();
  }).detach();
  return gone;
}

bool Reaper::wait(Deadline deadline) noexcept {
  const SteadyClock clock;
  bool all = true;
  for (const Gone& gone : pending_) {
    while (!gone->load() && !deadline.passed(clock)) std::this_thread::yield();
    all = all && gone->load();
  }
  return all;
}

}  // namespace switchyard::comm::nccl

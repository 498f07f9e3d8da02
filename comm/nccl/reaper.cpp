#include "comm/nccl/reaper.h"

#include <cuda_runtime_api.h>

#include <thread>
#include <utility>

namespace switchyard::comm::nccl {
namespace {

constexpr std::chrono::microseconds kBetweenLooks{100};

// True when nothing is left in the stream, or nothing runs on the GPU any more because it failed.
bool comes_to_rest(const Stream& stream, Duration limit) {
  const SteadyClock clock;
  const Deadline deadline = Deadline::after(clock, limit);
  while (cudaStreamQuery(stream.get()) == cudaErrorNotReady) {
    (void)cudaGetLastError();  // "not ready" counts as an error
    if (deadline.passed(clock)) return false;
    std::this_thread::sleep_for(kBetweenLooks);
  }
  return true;
}

}  // namespace

Reaper::Gone Reaper::abort_both(ncclComm_t comm, std::shared_ptr<const ncclComm_t> made,
                                Place place, Registrations registrations) {
  auto gone = std::make_shared<std::atomic<bool>>(false);
  std::erase_if(pending_, [](const Gone& each) { return each->load(); });
  pending_.push_back(gone);
  std::thread([comm, made = std::move(made), place = std::move(place), gone,
               registrations = std::move(registrations), limit = kernels_end_] {
    (void)cudaSetDevice(place.gpu);
    take_back(comm, registrations);
    // Whatever it answers, the communicator may not be touched any more.
    (void)ncclCommAbort(comm);
    if (made != nullptr && *made != nullptr) (void)ncclCommAbort(*made);
    if (!comes_to_rest(*place.stream, limit)) return;
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

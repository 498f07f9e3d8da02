// Communicators: made, shrunk, asked about, ended.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <utility>

#include "tests/cuda_emulation/nccl/calls.h"
#include "tests/cuda_emulation/nccl/registrations.h"

namespace cuda_emulation::nccl {
namespace {

std::map<ncclComm_t, std::shared_ptr<Communicator>>& communicators() {
  static std::map<ncclComm_t, std::shared_ptr<Communicator>> all;
  return all;
}

void note_blocks(const ncclConfig_t* config) {
  const std::lock_guard lock(state().mutex);
  if (config != nullptr) settings().block_limits.insert(config->maxCTAs);
}

bool is_blocking(const ncclConfig_t* config) { return config == nullptr || config->blocking != 0; }

// Waits for a blocking call to finish, giving the lock away meanwhile.
ncclResult_t finish(State& all, Engine::Lock& lock, Communicator& comm) {
  if (!comm.options().blocking) return comm.status();
  while (comm.poll(all) == ncclInProgress) {
    if (comm.busy() && !comm.last_mark().reached()) {
      static_cast<void>(all.engine.query(comm.last_mark()));
    }
    all.engine.pause(lock);
  }
  return comm.status();
}

ncclResult_t open(const Communicator::Options& options, NcclPoint point, ncclComm_t* handle) {
  State& all = state();
  Engine::Lock lock(all.mutex);
  *handle = nullptr;
  const auto made = Communicator::open(options);
  if (made == nullptr) return misuse("a rank that is taken, or another number of ranks");
  *handle = publish(made);
  if (const ncclResult_t error = visit(point); error != ncclSuccess) {
    made->fail(error, "a test wished this call to fail");
    return options.blocking ? error : ncclInProgress;
  }
  return finish(all, lock, *made);
}

ncclResult_t open_child(const Communicator::Options& options, ncclComm_t parent,
                        ncclComm_t* handle) {
  State& all = state();
  Engine::Lock lock(all.mutex);
  *handle = nullptr;
  const auto made = Communicator::open(options);
  if (made == nullptr) return misuse("a rank that is taken, or another number of ranks");
  (void)publish(made);
  const ncclResult_t error = visit(NcclPoint::kShrink);
  if (error != ncclSuccess) made->fail(error, "a test wished this call to fail");
  const auto old = find(parent);
  old->shrinks_to(made, handle);
  if (!options.blocking) return ncclInProgress;
  while (old->poll(all) == ncclInProgress) all.engine.pause(lock);
  return made->status();
}

}  // namespace

std::shared_ptr<Communicator> find(ncclComm_t handle) {
  const auto found = communicators().find(handle);
  return found == communicators().end() ? nullptr : found->second;
}

ncclComm_t publish(std::shared_ptr<Communicator> made) {
  auto handle = reinterpret_cast<ncclComm_t>(made.get());
  communicators()[handle] = std::move(made);
  return handle;
}

ncclResult_t misuse(const std::string& text) {
  settings().complaint = text;
  return ncclInvalidUsage;
}

}  // namespace cuda_emulation::nccl

std::size_t cuda_emulation::nccl_alive() {
  const std::lock_guard lock(state().mutex);
  const auto alive = [](const auto& each) {
    return each.second->life() != nccl::Communicator::Life::kGone;
  };
  return static_cast<std::size_t>(std::ranges::count_if(nccl::communicators(), alive));
}

using cuda_emulation::NcclPoint;
using cuda_emulation::state;
using cuda_emulation::nccl::Communicator;
namespace emulated = cuda_emulation::nccl;

ncclResult_t ncclGetVersion(int* version) {
  const std::lock_guard lock(state().mutex);
  *version = emulated::settings().version;
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess: return "no error";
    case ncclUnhandledCudaError: return "unhandled cuda error";
    case ncclSystemError: return "unhandled system error";
    case ncclInternalError: return "internal error";
    case ncclInvalidArgument: return "invalid argument";
    case ncclInvalidUsage: return "invalid usage";
    case ncclRemoteError: return "remote process exited or there was a network error";
    case ncclInProgress: return "NCCL operation in progress";
    case ncclNumResults: break;
  }
  return "unknown result code";
}

const char* ncclGetLastError(ncclComm_t handle) {
  const std::lock_guard lock(state().mutex);
  const auto comm = emulated::find(handle);
  return comm == nullptr ? emulated::settings().complaint.c_str() : comm->last_error().c_str();
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  static std::atomic<int> made{0};
  {
    const std::lock_guard lock(state().mutex);
    const ncclResult_t error = emulated::visit(NcclPoint::kUniqueId);
    if (error != ncclSuccess) return error;
  }
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  const std::string name =
      fmt::format("/cuda-emulation-nccl-{}-{}-{}", getpid(), made.fetch_add(1), now);
  *id = {};
  std::memcpy(id->internal, name.c_str(), name.size());
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank) {
  return ncclCommInitRankConfig(comm, ranks, id, rank, nullptr);
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  if (comm == nullptr || ranks <= 0 || ranks > emulated::kRanksMax || rank < 0 || rank >= ranks ||
      id.internal[0] != '/' || strnlen(id.internal, sizeof(id.internal)) == sizeof(id.internal)) {
    return ncclInvalidArgument;
  }
  if (config != nullptr && config->magic != 0xcafebeef) return ncclInvalidArgument;
  emulated::note_blocks(config);
  return emulated::open(
      {id.internal, rank, ranks, cuda_emulation::current_device(), emulated::is_blocking(config)},
      NcclPoint::kInit, comm);
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t handle, ncclResult_t* error) {
  const std::lock_guard lock(state().mutex);
  const auto comm = emulated::find(handle);
  if (comm == nullptr || comm->life() == Communicator::Life::kGone) return ncclInvalidArgument;
  *error = comm->poll(state());
  return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t handle) {
  cuda_emulation::State& all = state();
  cuda_emulation::Engine::Lock lock(all.mutex);
  return emulated::with(handle, "ncclCommFinalize", [&](Communicator& found) {
    static_cast<void>(found.finalize());
    return emulated::finish(all, lock, found);
  });
}

ncclResult_t ncclCommDestroy(ncclComm_t handle) {
  cuda_emulation::State& all = state();
  const cuda_emulation::Engine::Lock lock(all.mutex);
  const auto comm = emulated::find(handle);
  if (comm == nullptr) return ncclInvalidArgument;
  if (comm->life() == Communicator::Life::kGone) return emulated::misuse("ncclCommDestroy twice");
  if (comm->busy()) {
    return emulated::misuse("ncclCommDestroy with transfers that are not over");
  }
  if (emulated::registrations_of(*comm) != 0) {
    return emulated::misuse("ncclCommDestroy before ncclCommDeregister");
  }
  comm->leave();
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t handle) {
  cuda_emulation::State& all = state();
  cuda_emulation::Engine::Lock lock(all.mutex);
  while (emulated::settings().aborts == cuda_emulation::Aborts::kHeld) all.engine.pause(lock);
  const auto comm = emulated::find(handle);
  if (comm == nullptr) return ncclInvalidArgument;
  if (comm->life() == Communicator::Life::kGone) return emulated::misuse("ncclCommAbort twice");
  comm->abort();
  ++emulated::settings().aborted;
  all.engine.notify();
  return ncclSuccess;
}

ncclResult_t ncclCommShrink(ncclComm_t handle, int* excluded, int excluded_count,
                            ncclComm_t* new_comm, ncclConfig_t* config, int flags) {
  Communicator::Options options;
  {
    const std::lock_guard lock(state().mutex);
    const auto comm = emulated::find(handle);
    if (comm == nullptr || new_comm == nullptr || excluded == nullptr || excluded_count <= 0) {
      return ncclInvalidArgument;
    }
    if (comm->life() != Communicator::Life::kReady) {
      return emulated::misuse("ncclCommShrink of a communicator that is not ready");
    }
    options = comm->options();
    std::vector<bool> out(static_cast<std::size_t>(options.ranks));
    for (int i = 0; i < excluded_count; ++i) {
      if (excluded[i] < 0 || excluded[i] >= options.ranks) return ncclInvalidArgument;
      out[static_cast<std::size_t>(excluded[i])] = true;
    }
    if (out[static_cast<std::size_t>(options.rank)]) return ncclInvalidArgument;
    if (flags == NCCL_SHRINK_ABORT) {
      options.world = comm->next_world(out);
      comm->revoke();
    } else if (comm->status() != ncclSuccess || comm->busy()) {
      return emulated::misuse(
          "ncclCommShrink without NCCL_SHRINK_ABORT of a communicator with an "
          "error or with transfers");
    } else {
      options.world = comm->next_world(out);
    }
    const auto ends = out.begin() + options.rank;
    options.rank = static_cast<int>(std::count(out.begin(), ends, false));
    options.ranks = static_cast<int>(std::count(out.begin(), out.end(), false));
    if (config != nullptr && config->blocking != NCCL_CONFIG_UNDEF_INT) {
      options.blocking = config->blocking != 0;
    }
  }
  emulated::note_blocks(config);
  return emulated::open_child(options, handle, new_comm);
}

namespace {

template <typename Value>
ncclResult_t tell(ncclComm_t handle, int* value, Value value_of) {
  const std::lock_guard lock(state().mutex);
  const auto comm = emulated::find(handle);
  if (comm == nullptr || comm->life() == Communicator::Life::kGone) return ncclInvalidArgument;
  *value = value_of(comm->options());
  return ncclSuccess;
}

}  // namespace

ncclResult_t ncclCommCount(const ncclComm_t handle, int* count) {
  return tell(handle, count, [](const auto& options) { return options.ranks; });
}

ncclResult_t ncclCommCuDevice(const ncclComm_t handle, int* device) {
  return tell(handle, device, [](const auto& options) { return options.device; });
}

ncclResult_t ncclCommUserRank(const ncclComm_t handle, int* rank) {
  return tell(handle, rank, [](const auto& options) { return options.rank; });
}

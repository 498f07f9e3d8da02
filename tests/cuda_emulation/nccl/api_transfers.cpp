// Transfers and groups; the emulation's own knobs.
#include <algorithm>
#include <utility>

#include "tests/cuda_emulation/nccl/calls.h"
#include "tests/cuda_emulation/nccl/registrations.h"

namespace cuda_emulation::nccl {
namespace {

struct Queued {
  ncclComm_t comm = nullptr;
  cudaStream_t stream = nullptr;
  std::vector<Part> parts;
};

struct Group {
  int depth = 0;
  std::vector<Queued> calls;
  ncclResult_t error = ncclSuccess;  // of a call inside
};

Group& group() {
  static thread_local Group the_group;
  return the_group;
}

std::size_t bytes_of(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
    case ncclUint8:
    case ncclFloat8e4m3:
    case ncclFloat8e5m2: return 1;
    case ncclFloat16:
    case ncclBfloat16: return 2;
    case ncclInt32:
    case ncclUint32:
    case ncclFloat32: return 4;
    case ncclInt64:
    case ncclUint64:
    case ncclFloat64: return 8;
    case ncclNumTypes: break;
  }
  return 0;
}

// Buffers are device memory (or pinned), as a whole.
bool holds(State& all, const void* data, std::size_t bytes) {
  return bytes == 0 || all.memory.find(data, bytes) != nullptr || all.pinned.holds(data, bytes);
}

ncclResult_t check(State& all, const std::vector<Part>& parts) {
  for (const Part& part : parts) {
    if (!holds(all, part.data, part.bytes)) {
      settings().complaint =
          "a buffer that is not device memory, or not as long: " + all.memory.describe(part.data);
      return ncclInvalidArgument;
    }
  }
  return ncclSuccess;
}

// One communicator's calls of a group become one transfer.
ncclResult_t submit(State& all, const Queued& call, std::vector<Part> parts) {
  return with(call.comm, "a transfer", [&](Communicator& comm) -> ncclResult_t {
    const auto stream = all.stream(call.stream, comm.options().device);
    if (stream == nullptr || stream->device != comm.options().device) return ncclInvalidArgument;
    for (Part& part : parts) part.registered = is_registered(comm, part.data, part.bytes);
    if (!comm.keeps_to_one_kind(parts)) return ncclInvalidUsage;
    return comm.submit(all, stream, std::move(parts));
  });
}

ncclResult_t submit_all(std::vector<Queued> calls) {
  State& all = state();
  const Engine::Lock lock(all.mutex);
  ncclResult_t result = ncclSuccess;
  while (!calls.empty()) {
    const Queued first = calls.front();
    std::vector<Part> parts;
    for (const Queued& call : calls) {
      if (call.comm != first.comm) continue;
      if (call.stream != first.stream) {
        return misuse("a group with two streams for one communicator");
      }
      parts.insert(parts.end(), call.parts.begin(), call.parts.end());
    }
    std::erase_if(calls, [&](const Queued& call) { return call.comm == first.comm; });
    const ncclResult_t answer = submit(all, first, std::move(parts));
    if (answer != ncclSuccess && answer != ncclInProgress) return answer;
    if (answer == ncclInProgress) result = ncclInProgress;
  }
  return result;
}

// Makes parts by make(Communicator&) and submits them now or at the end of the group.
template <typename Make>
ncclResult_t transfer(ncclComm_t comm, cudaStream_t stream, Make make) {
  Queued call{comm, stream, {}};
  ncclResult_t answer = ncclSuccess;
  {
    State& all = state();
    const Engine::Lock lock(all.mutex);
    answer = with(comm, "a transfer", [&](Communicator& found) -> ncclResult_t {
      const ncclResult_t made = make(found, call.parts);
      return made == ncclSuccess ? check(all, call.parts) : made;
    });
  }
  if (answer != ncclSuccess) {
    if (group().depth > 0) group().error = answer;
    return answer;
  }
  if (group().depth > 0) {
    group().calls.push_back(std::move(call));
    return ncclSuccess;
  }
  return submit_all({std::move(call)});
}

std::byte* bytes_at(const void* data, std::size_t offset) {
  return const_cast<std::byte*>(static_cast<const std::byte*>(data)) + offset;
}

ncclResult_t pair(bool sends, const void* data, std::size_t count, ncclDataType_t type, int peer,
                  ncclComm_t comm, cudaStream_t stream) {
  return transfer(comm, stream, [&](Communicator& found, std::vector<Part>& parts) {
    if (peer < 0 || peer >= found.options().ranks || bytes_of(type) == 0)
      return ncclInvalidArgument;
    parts.push_back({Kind::kPair, sends, peer, bytes_at(data, 0), count * bytes_of(type)});
    return ncclSuccess;
  });
}

// Every rank to every rank; `to_all` sends the same bytes to each.
ncclResult_t all_ranks(Kind kind, const void* send, void* receive, std::size_t bytes, bool to_all,
                       ncclComm_t comm, cudaStream_t stream) {
  return transfer(comm, stream, [&](Communicator& found, std::vector<Part>& parts) {
    for (int peer = 0; peer < found.options().ranks; ++peer) {
      const std::size_t at = static_cast<std::size_t>(peer) * bytes;
      parts.push_back({kind, true, peer, bytes_at(send, to_all ? 0 : at), bytes});
      parts.push_back({kind, false, peer, bytes_at(receive, at), bytes});
    }
    return ncclSuccess;
  });
}

}  // namespace
}  // namespace cuda_emulation::nccl

namespace emulated = cuda_emulation::nccl;

ncclResult_t ncclGroupStart() {
  ++emulated::group().depth;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  emulated::Group& group = emulated::group();
  if (group.depth == 0) return emulated::misuse("ncclGroupEnd without ncclGroupStart");
  if (--group.depth > 0) return ncclSuccess;
  const ncclResult_t error = std::exchange(group.error, ncclSuccess);
  auto calls = std::exchange(group.calls, {});
  return error != ncclSuccess ? error : emulated::submit_all(std::move(calls));
}

ncclResult_t ncclSend(const void* buffer, std::size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  return emulated::pair(true, buffer, count, type, peer, comm, stream);
}

ncclResult_t ncclRecv(void* buffer, std::size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  return emulated::pair(false, buffer, count, type, peer, comm, stream);
}

ncclResult_t ncclAlltoAll(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                          ncclComm_t comm, cudaStream_t stream) {
  return emulated::all_ranks(emulated::Kind::kAllToAll, send, receive,
                             count * emulated::bytes_of(type), false, comm, stream);
}

ncclResult_t ncclAllGather(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
  return emulated::all_ranks(emulated::Kind::kAllGather, send, receive,
                             count * emulated::bytes_of(type), true, comm, stream);
}

namespace cuda_emulation {

void set_peer_loss(PeerLoss loss) {
  const std::lock_guard lock(state().mutex);
  nccl::settings().loss = loss;
}

void set_nccl_polls(int polls) {
  const std::lock_guard lock(state().mutex);
  nccl::settings().polls = polls;
}

void set_nccl_local_register(LocalRegister wish) {
  const std::lock_guard lock(state().mutex);
  nccl::settings().local_register = wish;
}

void set_nccl_aborts(Aborts wish) {
  const std::lock_guard lock(state().mutex);
  nccl::settings().aborts = wish;
  state().engine.notify();
}

std::uint64_t nccl_aborted() {
  const std::lock_guard lock(state().mutex);
  return nccl::settings().aborted;
}

std::vector<int> take_nccl_block_limits() {
  const std::lock_guard lock(state().mutex);
  const auto limits = std::exchange(nccl::settings().block_limits, {});
  return {limits.begin(), limits.end()};
}

std::uint64_t nccl_registered_bytes_sent() {
  const std::lock_guard lock(state().mutex);
  return nccl::settings().registered_bytes_sent;
}

void set_nccl_version(int version) {
  const std::lock_guard lock(state().mutex);
  nccl::settings().version = version;
}

void fail_nccl_at(NcclPoint point, ncclResult_t error) {
  const std::lock_guard lock(state().mutex);
  nccl::settings().fail_at[static_cast<std::size_t>(point)] = error;
}

std::uint64_t nccl_visits(NcclPoint point) {
  const std::lock_guard lock(state().mutex);
  return nccl::settings().visits[static_cast<std::size_t>(point)];
}

std::string last_nccl_complaint() {
  const std::lock_guard lock(state().mutex);
  return nccl::settings().complaint;
}

}  // namespace cuda_emulation

// tests/cuda_emulation/nccl_control.h -- what a test tells the emulated NCCL; not part of NCCL.
// Of the process that calls it; functions are thread-safe. From outside: CUDA_EMULATION_NCCL_LOSS.
#pragma once

#include <nccl.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cuda_emulation {

// What ranks learn of a peer that died or aborted. The real library shows both: an error where a
// connection breaks, nothing at all where the peer is reached through memory.
enum class PeerLoss : std::uint8_t {
  kReported,  // ncclRemoteError, asynchronously
  kSilent,
  kPoison  // kSilent, but a receive from a rank that aborted ends well, with bytes that nobody sent
};
void set_peer_loss(PeerLoss loss);

// How many polls of ncclCommGetAsyncError a non-blocking call stays ncclInProgress at least.
void set_nccl_polls(int polls);

// What ncclGetVersion answers.
void set_nccl_version(int version);

enum class NcclPoint : std::uint8_t {
  kInit,
  kGroup,
  kShrink,
  kMemAlloc,
  kRegister,
  kDeregister,
  kUniqueId
};
inline constexpr std::size_t kNcclPoints = 7;
// The next time one of this process's communicators comes to the point, it fails with `error` there
// (asynchronously where the call is non-blocking). kMemAlloc, kUniqueId: of any thread.
void fail_nccl_at(NcclPoint point, ncclResult_t error);

// Whether ncclCommRegister registers (as with NCCL_LOCAL_REGISTER=0 in the environment it does not:
// it succeeds and answers no handle).
enum class LocalRegister : std::uint8_t { kOn, kOff };
void set_nccl_local_register(LocalRegister wish);

// While they are held, calls of ncclCommAbort wait before they do anything. kEarly: they return,
// and what was under way stays where it is, in its stream, until they run again.
enum class Aborts : std::uint8_t { kRun, kHeld, kEarly };
void set_nccl_aborts(Aborts wish);
// Communicators of this process that ncclCommAbort has ended so far.
[[nodiscard]] std::uint64_t nccl_aborted();

// Communicators that this process has made and that are neither aborted nor destroyed, one in the
// making included.
[[nodiscard]] std::size_t nccl_alive();

// Registrations of this process that are neither taken back nor gone with their communicator.
[[nodiscard]] std::size_t nccl_registrations();

// Bytes that this process's communicators have sent from registered memory so far.
[[nodiscard]] std::uint64_t nccl_registered_bytes_sent();

// How often this process's communicators have come to the point so far.
[[nodiscard]] std::uint64_t nccl_visits(NcclPoint point);

// The maxCTAs that this process's communicators were asked for since the last call, one of each.
[[nodiscard]] std::vector<int> take_nccl_block_limits();

// What was wrong with the last misuse (mismatched counts, a peer's different order, use after
// abort).
[[nodiscard]] std::string last_nccl_complaint();

}  // namespace cuda_emulation

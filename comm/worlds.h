// comm/worlds.h -- the doors to a world of ranks: threads of this process, processes under MPI, and
// processes that come later.
// Not the traffic itself (transport.h) and not the choice between the worlds (transport_table.h,
// launcher). In a build without MPI or NCCL their doors are there too and answer kUnsupported.
// Thread: the main thread, before any rank works; abort_mpi_world(): the thread that joined.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/transport.h"
#include "runtime/base/error.h"
#include "runtime/base/log.h"

namespace switchyard::comm {

// `ranks` transports of one process; transport r is rank r and belongs to one thread. They share
// the world, which lives as long as the last of them. ranks >= 1.
[[nodiscard]] std::vector<std::unique_ptr<Transport>> make_local_world(
    std::size_t ranks, const TransportLimits& limits);

// Starts MPI, takes its own arguments out of argv and joins the world of all ranks. Once a process.
// finalize() of the transport leaves MPI; a transport destroyed without it does not (it may hang).
// Collective: yes. Blocks: until every rank of the job has started.
// Errors: kUnsupported without MPI, kPeer or kInternal with the MPI text when MPI fails.
[[nodiscard]] Result<std::unique_ptr<Transport>> join_mpi_world(int* argc, char*** argv,
                                                                const TransportLimits& limits);

// A world whose slots can be taken over later: the ranks of `inner` reach each other as before, and
// those that come later over TCP. Collective: no.
[[nodiscard]] std::unique_ptr<Transport> make_open_world(std::unique_ptr<Transport> inner,
                                                         const TransportLimits& limits);

// The slot that a process takes that was started later, in an open world.
struct LateSeat {
  RankId rank;
  std::size_t ranks = 0;  // slots of the world
  std::string host;       // numeric address of this machine, on which the others reach it
};
struct LateRank {
  std::unique_ptr<Transport> transport;
  std::string address;  // for attach() at the others
};
// Reaches nobody by itself: those that attach() it connect. Collective: no. Errors: kIo, kBadInput.
[[nodiscard]] Result<LateRank> join_open_world(const LateSeat& seat, const TransportLimits& limits);
// The numeric address of this machine from which `host` is reached. Errors: kIo, kBadInput.
[[nodiscard]] Result<std::string> own_host_towards(const std::string& host);

// Whether ranks that are lost are left out of a communicator, or it is always made anew.
enum class NcclShrink : std::uint8_t { kWherePossible, kNever };

// Who says that two ranks of a host cannot share a GPU: we, before NCCL is asked, or NCCL, to which
// NCCL_HOSTID in the environment gives other hosts than ours.
enum class GpuJudge : std::uint8_t { kUs, kNccl };
// Whether rows leave from and arrive in memory that NCCL knows (comm/nccl/registration.h).
enum class NcclRegister : std::uint8_t { kWherePossible, kNever };
// How the exchange by NCCL is set up, and how long it waits.
struct NcclOptions {
  GpuJudge gpus = GpuJudge::kUs;
  Duration join_deadline{30'000'000'000};  // for a communicator to be there, once asked for
  Duration rows_deadline{30'000'000'000};  // for a receiver to take rows that were sent
  NcclShrink shrink = NcclShrink::kWherePossible;
  NcclRegister registering = NcclRegister::kWherePossible;
  std::size_t attempts = 3;  // new communicators in a row for failures that no lost rank explains
  Log log = make_null_log();
};

// The ranks of `base`, with the rows of the exchange moved by NCCL between their GPUs; the thread
// of the transport makes its GPU the current one before the first exchange. Ranks that are not
// lost (Transport::set_lost) must all look for messages, or rows wait for them. Collective: no.
// Errors: those of check_nccl_world().
[[nodiscard]] Result<std::unique_ptr<Transport>> make_nccl_world(std::unique_ptr<Transport> base,
                                                                 const TransportLimits& limits,
                                                                 const NcclOptions& options);
// Whether the ranks of `base` can be given to make_nccl_world(). Errors: kUnsupported without NCCL,
// with one that is too old, or with fewer GPUs on this host than ranks; kLimit for too many ranks.
[[nodiscard]] Result<void> check_nccl_world(const Transport& base, GpuJudge gpus = GpuJudge::kUs);
// The NCCL library this build uses ("NCCL 2.28.9"), or kUnsupported saying how to get one.
[[nodiscard]] Result<std::string> nccl_library();

// Ends all processes of the MPI job with this exit code (of mpirun too); for a rank that fails
// while the others may wait for it. Only this process where MPI was never joined or is left
// already. Collective: no. Blocks: no.
[[noreturn]] void abort_mpi_world(int exit_code) noexcept;

// For a rank that failed before it joined, and leaves the telling to the first rank, which mostly
// fails in the same way: does not return where the launcher ends the job for that. Otherwise calls
// `tell` and ends all processes of the job with `exit_code`: the first rank has joined without
// error, or `patience` is over. Returns where MPI is missing, was joined before, or cannot be.
// Collective: yes, with join_mpi_world(). Blocks: for `patience` at most.
void follow_first_rank(int exit_code, Duration patience, const std::function<void()>& tell);

// Answers the value of an environment variable or nullptr; std::getenv fits.
using EnvLookup = std::function<const char*(const char*)>;

// True if mpirun, mpiexec or srun started this process as a rank. Never touches MPI.
[[nodiscard]] bool started_by_mpi_launcher(const EnvLookup& env);

// How many ranks it started, where it says so in the environment. Never touches MPI.
[[nodiscard]] std::optional<std::size_t> launched_world_size(const EnvLookup& env);

// The MPI library this build uses ("Open MPI v4.1.4"), or kUnsupported saying how to get one.
[[nodiscard]] Result<std::string> mpi_library();

}  // namespace switchyard::comm

// Blocking MPI_Send and MPI_Recv on MPI_COMM_WORLD, where nothing of ours ever sends.
#include <mpi.h>

#include <limits>

#include "comm/mpi/mpi_env.h"
#include "comm/mpi/mpi_error.h"
#include "comm/ping_pong.h"
#include "comm/round_trips.h"
#include "runtime/base/buffer.h"

namespace switchyard::comm {
namespace {

constexpr int kTag = 0;

Result<void> bare_send(MutableBytes bytes, int to) {
  return mpi::check(
      MPI_Send(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, to, kTag, MPI_COMM_WORLD),
      "MPI_Send", RankId(static_cast<std::uint32_t>(to)));
}

Result<void> bare_receive(MutableBytes bytes, int from) {
  return mpi::check(MPI_Recv(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, from, kTag,
                             MPI_COMM_WORLD, MPI_STATUS_IGNORE),
                    "MPI_Recv", RankId(static_cast<std::uint32_t>(from)));
}

}  // namespace

Result<PingPong> mpi_bare_ping_pong(const PingPongOptions& options) {
  if (!mpi::MpiEnv::running()) {
    return fail(ErrorCode::kUsage, "a bare MPI ping-pong before the MPI world was joined");
  }
  int rank = 0;
  int size = 0;
  SY_TRY(mpi::check(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank"));
  SY_TRY(mpi::check(MPI_Comm_size(MPI_COMM_WORLD, &size), "MPI_Comm_size"));
  SY_TRY(check_ping_pong(options, RankId(static_cast<std::uint32_t>(rank)),
                         static_cast<std::size_t>(size)));
  if (options.bytes > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    return fail(ErrorCode::kLimit, "a message of {} bytes is too long for MPI", options.bytes);
  }
  HostBuffer buffer(options.bytes);
  const int peer = 1 - rank;
  return measure_round_trips(options, [&]() -> Result<void> {
    if (rank == 0) {
      SY_TRY(bare_send(buffer.span(), peer));
      return bare_receive(buffer.span(), peer);
    }
    SY_TRY(bare_receive(buffer.span(), peer));
    return bare_send(buffer.span(), peer);
  });
}

}  // namespace switchyard::comm

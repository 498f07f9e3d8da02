// comm/ping_pong.h -- the round trip of one message size between ranks 0 and 1, for `bench`.
// Not a benchmark of the exchange: one message at a time, the same buffer again and again.
// Thread: the transport's thread.
#pragma once

#include <cstddef>
#include <vector>

#include "comm/transport.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"

namespace switchyard::comm {

struct PingPongOptions {
  std::size_t bytes = 0;
  std::size_t iterations = 200;  // measured round trips, after a tenth of them as warm-up
};

// There and back, microseconds, over the measured round trips as rank 0 sees them; rank 1's are its
// own.
struct PingPong {
  std::size_t bytes = 0;
  std::size_t iterations = 0;
  double round_trip_us_min = 0;
  double round_trip_us_p50 = 0;
  std::vector<double> round_trips_us;  // all that were measured, ascending
};

// Over Channel::kDispatch of a transport. Ranks 0 and 1 both call it; nobody else.
// Blocks: until deadline. Errors: those of the transport, kDeadline naming the peer; a send may
// then be under way whose bytes are gone, so leave the world and use the transport no more.
[[nodiscard]] Result<PingPong> ping_pong(Transport& transport, const PingPongOptions& options,
                                         Deadline deadline);

// The same bytes with blocking MPI_Send and MPI_Recv and nothing of ours: what to compare with.
// Ranks 0 and 1 of a joined MPI world both call it; nobody else. Blocks: until the peer has
// answered. Errors: kUnsupported in a build without MPI, kUsage before join_mpi_world().
[[nodiscard]] Result<PingPong> mpi_bare_ping_pong(const PingPongOptions& options);

}  // namespace switchyard::comm

// comm/round_trips.h -- the clockwork that both ping-pongs share: warm-up, timing, order
// statistics. Not the messages: the caller passes one round trip as a function. Thread: the
// caller's.
#pragma once

#include <functional>

#include "comm/ping_pong.h"

namespace switchyard::comm {

// Errors: kUsage for a world of one rank, a rank other than 0 and 1, or no iterations.
[[nodiscard]] Result<void> check_ping_pong(const PingPongOptions& options, RankId rank,
                                           std::size_t world_size);

// Calls round_trip for the warm-up and options.iterations times more; stops at its first error.
[[nodiscard]] Result<PingPong> measure_round_trips(const PingPongOptions& options,
                                                   const std::function<Result<void>()>& round_trip);

}  // namespace switchyard::comm

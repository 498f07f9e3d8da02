#include "comm/round_trips.h"

#include <algorithm>
#include <vector>

namespace switchyard::comm {

Result<void> check_ping_pong(const PingPongOptions& options, RankId rank, std::size_t world_size) {
  if (world_size < 2) return fail(ErrorCode::kUsage, "a ping-pong needs two ranks");
  if (rank.value() > 1) {
    return fail(ErrorCode::kUsage, "a ping-pong is between ranks 0 and 1, this is rank {}",
                rank.value());
  }
  if (options.iterations == 0) return fail(ErrorCode::kUsage, "a ping-pong of no iterations");
  return {};
}

Result<PingPong> measure_round_trips(const PingPongOptions& options,
                                     const std::function<Result<void>()>& round_trip) {
  const SteadyClock clock;
  for (std::size_t i = 0; i < options.iterations / 10 + 1; ++i) SY_TRY(round_trip());
  std::vector<double> us(options.iterations);
  for (double& sample : us) {
    const TimePoint begin = clock.now();
    SY_TRY(round_trip());
    sample = to_seconds(clock.now() - begin) * 1e6;
  }
  std::sort(us.begin(), us.end());
  return PingPong{.bytes = options.bytes,
                  .iterations = options.iterations,
                  .round_trip_us_min = us.front(),
                  .round_trip_us_p50 = us[us.size() / 2],
                  .round_trips_us = us};
}

}  // namespace switchyard::comm

// runtime/control/rank_gauges.h -- what a heartbeat says of a rank: written by its engine thread,
// read by its agent thread. Thread safety: shared objects: safe.
#pragma once

#include <atomic>

#include "runtime/base/work_mark.h"
#include "runtime/control/messages.h"

namespace switchyard::control {

struct RankGauges {
  std::atomic<Phase> phase{Phase::kStarting};
  std::atomic<std::uint32_t> epoch{0};
  std::atomic<std::uint64_t> steps{0};
  std::atomic<std::uint32_t> open_requests{0};
  std::atomic<std::uint32_t> running_requests{0};
  std::atomic<std::uint32_t> open_jobs{0};  // written by its expert server, also before it serves

  std::atomic<std::uint64_t> weights_read{0};  // by whichever thread loads

  WorkMark computing;  // its engine thread, at what it reports nothing in

  [[nodiscard]] Heartbeat heartbeat(TimePoint now) const {
    const auto computing_for =
        std::chrono::duration_cast<std::chrono::milliseconds>(computing.lasted(now));
    return {phase.load(),
            Epoch(epoch.load()),
            steps.load(),
            open_requests.load(),
            open_jobs.load(),
            weights_read.load(),
            static_cast<std::uint64_t>(computing_for.count()),
            running_requests.load()};
  }
};

}  // namespace switchyard::control

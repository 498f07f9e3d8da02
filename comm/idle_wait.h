// comm/idle_wait.h -- how a rank with nothing to do waits: spin a little, then sleep by its
// doorbell. Not a wait for one event (the caller probes again after each call) and it holds no
// deadline. Thread: the rank's own thread.
#pragma once

#include <cstdint>

#include "comm/doorbell.h"
#include "runtime/base/clock.h"

namespace switchyard::comm {

// Whether each rank of this host can have a core of its own. Where it cannot, spinning takes the
// time of the rank that is waited for.
enum class CoreShare { kOwnCore, kSharedCore };

// Who can ring: everybody, so that sleeps may begin long, or not the peers on other hosts, which
// are only found by looking, so that sleeps begin short.
enum class Reach { kAllRing, kSomeSilent };

// The length of the next of some sleeps in a row: 20 us (kSomeSilent) or 1 ms (kAllRing) at first,
// a tenth more each time, 4 ms at most. So no sleep is longer than about a tenth of the wait before
// it.
[[nodiscard]] Duration sleep_length(Reach reach, std::uint32_t sleeps_before) noexcept;

class IdleWait {
 public:
  IdleWait(CoreShare share, Reach reach) : share_(share), reach_(reach) {}

  // One moment: a pause, a yield or a sleep, by how often in a row there was nothing to do.
  // Blocks: 4 ms at most.
  void wait(Doorbell& own, std::uint32_t idle_rounds) noexcept;

 private:
  // True while the caller should look again at once.
  [[nodiscard]] bool stays_awake(std::uint32_t idle_rounds) noexcept;

  CoreShare share_;
  Reach reach_;
  TimePoint idle_since_{};
  std::uint32_t seen_ = 0;       // rings when last asked
  std::uint32_t looks_due_ = 0;  // calls that must not sleep since then
  std::uint32_t sleeps_ = 0;     // in a row
};

}  // namespace switchyard::comm

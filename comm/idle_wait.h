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

// Who can ring: everybody (a sleep of a millisecond costs nothing), or some peers are on other
// hosts and are only found by looking, so that sleeps begin short and grow.
enum class Reach { kAllRing, kSomeSilent };

// The length of the n-th sleep in a row where some peers cannot ring: 20 us, a tenth more each
// time, 1 ms at most. A sleep is then never longer than about a tenth of the wait before it.
[[nodiscard]] Duration silent_sleep(std::uint32_t sleeps_before) noexcept;

class IdleWait {
 public:
  IdleWait(CoreShare share, Reach reach) : share_(share), reach_(reach) {}

  // One moment: a pause, a yield or a sleep, by how often in a row there was nothing to do.
  // Blocks: a millisecond at most.
  void wait(Doorbell& own, std::uint32_t idle_rounds) noexcept;

 private:
  CoreShare share_;
  Reach reach_;
  std::uint32_t seen_ = 0;  // rings before the last look at the queues
};

}  // namespace switchyard::comm

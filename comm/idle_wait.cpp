#include "comm/idle_wait.h"

#include <sched.h>

#include <algorithm>
#include <cmath>

namespace switchyard::comm {
namespace {

constexpr Duration kSleepMin = std::chrono::microseconds(20);
constexpr Duration kSleepMax = std::chrono::milliseconds(1);
// With a core each: about 100 us of looking (a round of probes is 0.3 us over MPI) before the first
// sleep, so that the answers of a busy exchange are met awake; a wake-up from sleep costs 5-50 us.
constexpr std::uint32_t kSpinRounds = 300;
// With shared cores: let the others run first; what they send meanwhile needs no wake-up call.
constexpr std::uint32_t kYieldRounds = 2;

void pause_cpu() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

Duration silent_sleep(std::uint32_t sleeps_before) noexcept {
  const double growth = std::pow(1.1, std::min(sleeps_before, 64U));
  const auto grown =
      Duration(static_cast<Duration::rep>(static_cast<double>(kSleepMin.count()) * growth));
  return std::min(grown, kSleepMax);
}

void IdleWait::wait(Doorbell& own, std::uint32_t idle_rounds) noexcept {
  const std::uint32_t awake_rounds = share_ == CoreShare::kOwnCore ? kSpinRounds : kYieldRounds;
  if (idle_rounds < awake_rounds) {
    if (share_ == CoreShare::kOwnCore) {
      pause_cpu();
    } else {
      ::sched_yield();
    }
    return;
  }
  const Duration longest =
      reach_ == Reach::kAllRing ? kSleepMax : silent_sleep(idle_rounds - awake_rounds);
  own.sleep(seen_, longest);
  // Read now and not before the sleep: everything rung from here on is looked at by the caller's
  // next round or ends the next sleep at once.
  seen_ = own.rings();
}

}  // namespace switchyard::comm

#include "comm/idle_wait.h"

#include <sched.h>

#include <algorithm>
#include <cmath>

namespace switchyard::comm {
namespace {

constexpr Duration kSleepMax = std::chrono::milliseconds(4);

// With a core each a rank looks without a break for this long before it sleeps: the copy of a 1 MiB
// message takes its receiver 60 us, and a wake-up from sleep costs 5 to 50 us.
constexpr Duration kSpin = std::chrono::microseconds(200);

// With shared cores: let the others run first; what they send meanwhile needs no wake-up call.
constexpr std::uint32_t kYieldRounds = 2;

// After a ring this many looks come before the next sleep. One is not enough over Open MPI: a probe
// that finds nothing fetches what has arrived, and only the next one finds it.
constexpr std::uint32_t kLooksPerRing = 2;

void pause_cpu() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

Duration sleep_length(Reach reach, std::uint32_t sleeps_before) noexcept {
  const Duration first =
      reach == Reach::kAllRing ? std::chrono::milliseconds(1) : std::chrono::microseconds(20);
  const double growth = std::pow(1.1, std::min(sleeps_before, 64U));
  const auto ns = static_cast<Duration::rep>(static_cast<double>(first.count()) * growth);
  return std::min(Duration(ns), kSleepMax);
}

bool IdleWait::stays_awake(std::uint32_t idle_rounds) noexcept {
  if (share_ == CoreShare::kSharedCore) return idle_rounds < kYieldRounds;
  const TimePoint now = std::chrono::steady_clock::now();
  if (idle_rounds == 0) idle_since_ = now;
  return now - idle_since_ < kSpin;
}

void IdleWait::wait(Doorbell& own, std::uint32_t idle_rounds) noexcept {
  if (idle_rounds == 0) sleeps_ = 0;
  if (const std::uint32_t rings = own.rings(); rings != seen_) {
    seen_ = rings;
    looks_due_ = kLooksPerRing;
  }
  if (const bool awake = stays_awake(idle_rounds); awake || looks_due_ > 0) {
    if (looks_due_ > 0) --looks_due_;
    if (share_ == CoreShare::kOwnCore) {
      pause_cpu();
    } else {
      ::sched_yield();
    }
    return;
  }
  own.sleep(seen_, sleep_length(reach_, sleeps_++));
}

}  // namespace switchyard::comm

#include "comm/doorbell.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

namespace switchyard::comm {
namespace {

std::uint32_t* futex_word(std::atomic<std::uint32_t>& value) noexcept {
  return reinterpret_cast<std::uint32_t*>(&value);
}

}  // namespace

// Either the sleeper's store to asleep_ comes first and ring() sees it and wakes, or the ring's
// increment comes first and the sleeper sees the new count; sequential consistency orders the four.
void Doorbell::ring() noexcept {
  rings_.fetch_add(1, std::memory_order_seq_cst);
  if (asleep_.load(std::memory_order_seq_cst) == 0) return;
  ::syscall(SYS_futex, futex_word(rings_), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void Doorbell::sleep(std::uint32_t seen, Duration at_most) noexcept {
  asleep_.store(1, std::memory_order_seq_cst);
  if (rings_.load(std::memory_order_seq_cst) == seen) {
    const auto ns = at_most.count();
    const timespec timeout{static_cast<std::time_t>(ns / 1'000'000'000),
                           static_cast<long>(ns % 1'000'000'000)};
    ::syscall(SYS_futex, futex_word(rings_), FUTEX_WAIT, seen, &timeout, nullptr, 0);
  }
  asleep_.store(0, std::memory_order_relaxed);
}

}  // namespace switchyard::comm

// comm/doorbell.h -- wakes a sleeping rank: one counter in memory that both sides share.
// Not a message queue: a ring says "look again", nothing more, and may come for nothing.
// A futex (man 2 futex), so that it works between threads and between processes of one host.
// Thread safety: ring(): anyone, any time. sleep(): the owner's thread only.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/base/clock.h"

namespace switchyard::comm {

class alignas(64) Doorbell {
 public:
  // Wakes the owner if it sleeps; about 20 ns if not, one system call if so.
  void ring() noexcept;

  // The number of rings so far; what sleep() compares with.
  [[nodiscard]] std::uint32_t rings() const noexcept {
    return rings_.load(std::memory_order_seq_cst);
  }

  // Sleeps until a ring after `seen`, a signal, or `at_most`. A ring between the reading of `seen`
  // and this call is not lost: it returns at once.
  void sleep(std::uint32_t seen, Duration at_most) noexcept;

 private:
  std::atomic<std::uint32_t> rings_{0};
  std::atomic<std::uint32_t> asleep_{0};
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free, "shared between processes");
static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t), "the futex word");

}  // namespace switchyard::comm

// tests/gpu/nccl/meeting.h -- a place at which ranks wait for each other while they keep looking
// for messages. For tests only. Thread safety: shared objects safe.
#pragma once

#include <atomic>

#include "tests/gpu/nccl/nccl_world.h"
#include "tests/gpu/nccl/row_mail.h"

namespace switchyard::comm::test {

// Keeps looking until all ranks have come so far; others may need what this one owes them.
class Meeting {
 public:
  explicit Meeting(std::size_t ranks) : awaited_(ranks) {}
  void wait(RowMail& mail, Transport& transport) {
    ++here_;
    const SteadyClock clock;
    const auto deadline = Deadline::after(clock, std::chrono::seconds(60));
    for (std::uint32_t round = 0; here_.load() < awaited_; ++round) {
      ASSERT_FINE(mail.turn());
      ASSERT_FALSE(deadline.passed(clock)) << "nobody else comes";
      transport.wait_a_moment(round);
    }
  }

  // The same for ranks that owe nobody anything yet: waits without looking.
  void arrive() {
    ++here_;
    here_.notify_all();
    for (auto here = here_.load(); here < awaited_; here = here_.load()) here_.wait(here);
  }

 private:
  std::size_t awaited_;
  std::atomic<std::size_t> here_{0};
};

}  // namespace switchyard::comm::test

// runtime/control/slow_ranks.h -- which ranks others wait for much longer than for the rest of
// those that they ask, by the waits that routers report: who waits, and how long, over a short
// window. Evidence for people (health.h makes a degraded rank of it), never of a death. Not the
// reports of exchanges that are past their deadline (evidence.h). Thread safety: distinct objects:
// safe; shared objects: unsafe. Time is an argument and never goes back.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/ids.h"
#include "runtime/control/messages.h"

namespace switchyard::control {

struct SlowConfig {
  Duration window = std::chrono::seconds(5);
  Duration covered_min = std::chrono::seconds(3);  // that a waiter's reports say something of
  double wait_share_min = 0.25;                    // of the waiter's time
  double ratio_min = 3;                            // over the median of those that the waiter asks
};

class SlowRanks {
 public:
  explicit SlowRanks(const SlowConfig& config = {}) : config_(config) {}

  // `report` has been checked: lists of peers have the cluster's size or none.
  void add(RankId waiter, const LoadReport& report, TimePoint now);
  // It is gone: neither what it waited for nor what others waited for it says anything any more.
  void forget(RankId rank);
  // Who waits for the rank, and how long; nothing where fewer than half of those that ask it do so
  // for long enough to call it slow.
  [[nodiscard]] std::optional<std::string> reason(RankId rank, TimePoint now) const;

 private:
  struct Sample {
    TimePoint at{};
    double seconds = 0;
    std::vector<std::uint64_t> wait_us;  // [ranks]
    std::vector<std::uint64_t> bytes;    // [ranks]
  };
  struct Asked {
    double wait_seconds = 0;
    double bytes = 0;
  };
  struct Waiter {
    std::deque<Sample> samples;  // of the window, oldest first
    double seconds = 0;
    std::map<RankId, Asked> asked;  // that got anything from it
    Asked median;                   // over `asked`, the rank in question included
  };
  void sum_up(Waiter& waiter) const;
  [[nodiscard]] bool complains(const Waiter& waiter, const Asked& of) const;

  SlowConfig config_;
  std::map<RankId, Waiter> waiters_;
};

}  // namespace switchyard::control

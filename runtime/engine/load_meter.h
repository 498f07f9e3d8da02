// runtime/engine/load_meter.h -- turns a rank's counters into load reports, one a second.
// Thread safety: the rank's engine thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/control/messages.h"
#include "runtime/engine/host_meter.h"
#include "runtime/engine/step_times.h"
#include "runtime/moe/counters.h"

namespace switchyard::engine {

class LoadMeter {
 public:
  explicit LoadMeter(Duration interval = Duration(1'000'000'000)) : interval_(interval) {}

  // A step of a router begins; it ends, and has read that many tokens. take() may come in between.
  void begin_step(TimePoint now);
  void end_step(TimePoint now, std::uint64_t tokens);
  // The report of the time since the last one, when the interval is over.
  [[nodiscard]] std::optional<control::LoadReport> take(const moe::Counters& counters,
                                                        TimePoint now);

 private:
  void report_steps(control::LoadReport& report, TimePoint now);

  Duration interval_;
  HostMeter host_;
  TimePoint start_{};
  double cpu_seconds_ = 0;
  std::uint64_t busy_ns_ = 0;
  std::uint64_t wait_ns_ = 0;
  std::uint64_t tokens_ = 0;
  std::optional<TimePoint> step_began_;
  double last_step_us_ = 0;       // while there is no report without any
  std::vector<double> steps_us_;  // those that ended
  Duration in_steps_{};           // of the interval, up to the end of the last one
  std::vector<std::uint64_t> expert_pairs_;
  std::uint64_t delay_count_ = 0;
  std::vector<std::uint64_t> wait_us_;
  std::vector<std::uint64_t> bytes_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> restricted_;  // by origin, region
};

}  // namespace switchyard::engine

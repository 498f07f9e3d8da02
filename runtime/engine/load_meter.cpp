#include "runtime/engine/load_meter.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace switchyard::engine {
namespace {

// Of this process, all threads.
double cpu_seconds_now() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::uint64_t rss_bytes_now() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t pages = 0;
  std::uint64_t resident = 0;
  if (!(statm >> pages >> resident)) return 0;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// What was added since `before`, which becomes `now`.
std::vector<std::uint64_t> growth(const std::vector<std::uint64_t>& now,
                                  std::vector<std::uint64_t>& before) {
  before.resize(now.size());
  std::vector<std::uint64_t> grown(now.size());
  for (std::size_t i = 0; i < now.size(); ++i) grown[i] = now[i] - before[i];
  before = now;
  return grown;
}

// The same of the rows under a rule, pairs of origin and region that got nothing included.
std::vector<control::RestrictedSent> growth(
    const moe::RestrictedRows& now,
    std::map<std::pair<std::string, std::string>, std::uint64_t>& before) {
  std::vector<control::RestrictedSent> grown;
  for (auto& cell : now.cells()) {
    auto& known = before[{cell.origin, cell.region}];
    const std::uint64_t more = cell.rows - std::exchange(known, cell.rows);
    grown.push_back({std::move(cell.origin), std::move(cell.region), more});
  }
  return grown;
}

// Of the delays since `before`, as far as the ring still has them.
double delay_us_p95(const moe::Counters& counters, std::uint64_t before) {
  const auto kept =
      std::min<std::uint64_t>(counters.queue_delay_count - before, moe::Counters::kDelaysKept);
  std::vector<std::uint32_t> delays;
  for (std::uint64_t i = 0; i < kept; ++i) {
    const std::uint64_t at = counters.queue_delay_count - 1 - i;
    delays.push_back(counters.queue_delay_us[at % moe::Counters::kDelaysKept]);
  }
  if (delays.empty()) return 0;
  const auto p95 = delays.begin() + static_cast<std::ptrdiff_t>(delays.size() * 95 / 100);
  std::nth_element(delays.begin(), p95, delays.end());
  return *p95;
}

}  // namespace

void LoadMeter::begin_step(TimePoint now) { step_began_ = now; }

void LoadMeter::end_step(TimePoint now, std::uint64_t tokens) {
  constexpr std::size_t kStepsKept = 4096;  // of one interval
  last_step_us_ = 1e6 * to_seconds(now - *step_began_);
  if (steps_us_.size() < kStepsKept) steps_us_.push_back(last_step_us_);
  in_steps_ += now - std::max(*step_began_, start_);
  step_began_.reset();
  tokens_ += tokens;
}

// Of the steps that ended. Where none did and one runs, the last one tells how long they take, or
// this one, if it has taken longer already.
void LoadMeter::report_steps(control::LoadReport& report, TimePoint now) {
  if (steps_us_.empty()) {
    if (!step_began_) {
      last_step_us_ = 0;
      return;
    }
    report.step_us_p50 = std::max(last_step_us_, 1e6 * to_seconds(now - *step_began_));
    report.step_us_p95 = report.step_us_p50;
    return;
  }
  const auto middle = steps_us_.begin() + static_cast<std::ptrdiff_t>(steps_us_.size() / 2);
  std::nth_element(steps_us_.begin(), middle, steps_us_.end());
  report.step_us_p50 = *middle;
  const auto late = steps_us_.begin() + static_cast<std::ptrdiff_t>(steps_us_.size() * 95 / 100);
  std::nth_element(steps_us_.begin(), late, steps_us_.end());
  report.step_us_p95 = *late;
  steps_us_.clear();
}

std::optional<control::LoadReport> LoadMeter::take(const moe::Counters& counters, TimePoint now) {
  if (start_ == TimePoint{}) {
    start_ = now;
    cpu_seconds_ = cpu_seconds_now();
    (void)host_.cpu_busy_share();  // from here on
    return std::nullopt;
  }
  if (now - start_ < interval_) return std::nullopt;
  control::LoadReport report;
  report.seconds = to_seconds(now - start_);
  // A router works in its steps but for what it waits; an expert rank in its batches.
  const double waited_us = static_cast<double>(counters.wait_ns - wait_ns_) / 1e3;
  const double served_us = static_cast<double>(counters.busy_ns - busy_ns_) / 1e3;
  if (step_began_) in_steps_ += now - std::max(*step_began_, start_);
  const double busy_us =
      in_steps_ > Duration::zero() ? 1e6 * to_seconds(in_steps_) - waited_us : served_us;
  // Of a rank that does both, only the latter goes with the pairs that it served.
  report.serve_seconds = std::min(report.seconds, served_us / 1e6);
  report.busy_share = std::clamp(busy_us / (1e6 * report.seconds), 0.0, 1.0);
  report_steps(report, now);
  const double cpu_seconds = cpu_seconds_now();
  report.cpu_share = (cpu_seconds - cpu_seconds_) / report.seconds;
  report.cpu_busy_share = host_.cpu_busy_share();
  report.memory_share = host_.memory_share();
  report.rss_bytes = rss_bytes_now();
  report.tokens = tokens_;
  report.expert_pairs = growth(counters.expert_pairs, expert_pairs_);
  report.queue_delay_us_p95 = delay_us_p95(counters, delay_count_);
  delay_count_ = counters.queue_delay_count;
  report.wait_us_by_peer = growth(counters.wait_us, wait_us_);
  report.bytes_by_peer = growth(counters.bytes_sent, bytes_);
  report.round_trip_us_by_peer = counters.round_trip_us;
  report.restricted_rows = growth(counters.restricted_rows, restricted_);
  start_ = now;
  cpu_seconds_ = cpu_seconds;
  busy_ns_ = counters.busy_ns;
  wait_ns_ = counters.wait_ns;
  tokens_ = 0;
  in_steps_ = Duration::zero();
  return report;
}

}  // namespace switchyard::engine

#include "runtime/control/slow_ranks.h"

#include <fmt/format.h>

#include <algorithm>

namespace switchyard::control {
namespace {

// The lower one of two in the middle: of two ranks that are asked, the other one.
double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace

void SlowRanks::sum_up(Waiter& waiter) const {
  waiter.seconds = 0;
  waiter.asked.clear();
  waiter.median = {};
  for (const Sample& sample : waiter.samples) {
    waiter.seconds += sample.seconds;
    for (std::uint32_t r = 0; r < sample.bytes.size(); ++r) {
      if (sample.bytes[r] == 0) continue;
      waiter.asked[RankId(r)].bytes += static_cast<double>(sample.bytes[r]);
    }
  }
  // Also of reports in which nothing was sent: an answer may take longer than from one to the next.
  for (const Sample& sample : waiter.samples) {
    for (auto& [rank, asked] : waiter.asked) {
      if (rank.index() >= sample.wait_us.size()) continue;
      asked.wait_seconds += 1e-6 * static_cast<double>(sample.wait_us[rank.index()]);
    }
  }
  if (waiter.asked.empty()) return;
  std::vector<double> waits;
  std::vector<double> bytes;
  for (const auto& [rank, asked] : waiter.asked) {
    waits.push_back(asked.wait_seconds);
    bytes.push_back(asked.bytes);
  }
  waiter.median = {median_of(std::move(waits)), median_of(std::move(bytes))};
}

void SlowRanks::add(RankId waiter, const LoadReport& report, TimePoint now) {
  if (report.bytes_by_peer.empty() && !waiters_.contains(waiter)) return;
  Waiter& known = waiters_[waiter];
  known.samples.push_back({now, report.seconds, report.wait_us_by_peer, report.bytes_by_peer});
  while (known.samples.front().at + config_.window <= now) known.samples.pop_front();
  sum_up(known);
}

void SlowRanks::forget(RankId rank) {
  waiters_.erase(rank);
  for (auto& [number, waiter] : waiters_) {
    for (Sample& sample : waiter.samples) {
      if (rank.index() < sample.bytes.size()) sample.bytes[rank.index()] = 0;
      if (rank.index() < sample.wait_us.size()) sample.wait_us[rank.index()] = 0;
    }
    sum_up(waiter);
  }
}

bool SlowRanks::complains(const Waiter& waiter, const Asked& of) const {
  return waiter.asked.size() > 1 && waiter.seconds >= to_seconds(config_.covered_min) &&
         of.wait_seconds >= config_.wait_share_min * waiter.seconds &&
         of.wait_seconds >= config_.ratio_min * waiter.median.wait_seconds;
}

std::optional<std::string> SlowRanks::reason(RankId rank, TimePoint now) const {
  constexpr std::size_t kNamed = 4;
  std::size_t asking = 0;
  std::size_t complaining = 0;
  double bytes_ratio = 0;
  std::string text;
  for (const auto& [number, waiter] : waiters_) {
    if (waiter.samples.empty() || waiter.samples.back().at + config_.window <= now) continue;
    const auto found = waiter.asked.find(rank);
    if (found == waiter.asked.end()) continue;
    ++asking;
    const Asked& asked = found->second;
    if (!complains(waiter, asked)) continue;
    bytes_ratio = std::max(bytes_ratio, asked.bytes / waiter.median.bytes);
    if (++complaining > kNamed) continue;
    text += fmt::format(
        "{}rank {} waited {:.1f} of {:.1f} s for it, {:.1f} s for others that it "
        "asks",
        complaining == 1 ? "" : ", ", number.value(), asked.wait_seconds, waiter.seconds,
        waiter.median.wait_seconds);
  }
  if (complaining == 0 || 2 * complaining < asking) return std::nullopt;
  if (complaining > kNamed) text += fmt::format(", and {} ranks more", complaining - kNamed);
  // Then it is not slow but has more to do.
  if (bytes_ratio >= 1.5) text += fmt::format("; it gets {:.1f} times as much", bytes_ratio);
  return text;
}

}  // namespace switchyard::control

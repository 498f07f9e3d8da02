#include "runtime/control/load_window.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace switchyard::control {

LoadWindow::LoadWindow(std::size_t ranks, Duration window)
    : ranks_(ranks), slice_(std::max(Duration(1), window / Duration::rep{kSlices})) {
  SY_CHECK(window > Duration::zero(), "a window of no time");
}

std::int64_t LoadWindow::number_at(TimePoint now) const { return now.time_since_epoch() / slice_; }

bool LoadWindow::current(const Slice& slice, TimePoint now) const {
  return slice.number >= 0 && slice.number + static_cast<std::int64_t>(kSlices) > number_at(now);
}

void LoadWindow::add(RankId rank, const LoadReport& report, TimePoint now) {
  SY_CHECK(rank.index() < ranks_, "rank {} of {}", rank.value(), ranks_);
  const std::int64_t number = number_at(now);
  Slice& slice = ring_[static_cast<std::size_t>(number) % kSlices];
  if (slice.number != number) {
    slice.number = number;
    std::ranges::fill(slice.pairs, 0);
    slice.ranks.assign(ranks_, {});
    slice.tokens = 0;
  }
  slice.tokens += report.tokens;
  RankWork& work = slice.ranks[rank.index()];
  work.seconds += report.seconds;
  work.busy_seconds += report.seconds * std::min(1.0, report.busy_share);
  work.serve_seconds += std::min(report.seconds, report.serve_seconds);
  if (report.expert_pairs.empty()) return;
  slice.pairs.resize(report.expert_pairs.size());
  for (std::size_t i = 0; i < report.expert_pairs.size(); ++i) {
    slice.pairs[i] += report.expert_pairs[i];
    work.pairs += report.expert_pairs[i];
  }
}

std::vector<std::uint64_t> LoadWindow::loads(TimePoint now) const {
  std::vector<std::uint64_t> out;
  for (const Slice& slice : ring_) {
    if (!current(slice, now)) continue;
    out.resize(std::max(out.size(), slice.pairs.size()));
    for (std::size_t i = 0; i < slice.pairs.size(); ++i) out[i] += slice.pairs[i];
  }
  const bool any = std::ranges::any_of(out, [](std::uint64_t pairs) { return pairs > 0; });
  return any ? out : std::vector<std::uint64_t>();
}

std::uint64_t LoadWindow::tokens(TimePoint now) const {
  std::uint64_t out = 0;
  for (const Slice& slice : ring_) out += current(slice, now) ? slice.tokens : 0;
  return out;
}

RankWork LoadWindow::work(RankId rank, TimePoint now) const {
  RankWork out;
  for (const Slice& slice : ring_) {
    if (!current(slice, now)) continue;
    const RankWork& part = slice.ranks.at(rank.index());
    out.pairs += part.pairs;
    out.seconds += part.seconds;
    out.busy_seconds += part.busy_seconds;
    out.serve_seconds += part.serve_seconds;
  }
  return out;
}

}  // namespace switchyard::control

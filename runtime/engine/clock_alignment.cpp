#include "runtime/engine/clock_alignment.h"

#include <limits>
#include <map>
#include <optional>
#include <tuple>

namespace switchyard::engine {
namespace {

// Router, peer, epoch, step, layer, micro-batch: names a leg and the job that answered it.
using LegKey = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint64_t, std::uint16_t,
                          std::uint8_t>;

LegKey key_of(const Span& span, std::uint32_t router, std::uint32_t peer) {
  return {router, peer, span.epoch, span.step, span.layer, span.micro_batch};
}

// Of clock `to` against clock `from`.
struct Difference {
  std::int64_t ahead_ns = 0;
  std::int64_t error_ns = std::numeric_limits<std::int64_t>::max();
};
using Differences = std::map<std::pair<std::size_t, std::size_t>, Difference>;

// Ranks by clock; one whose clock is not known has it to itself.
std::vector<std::size_t> group_clocks(std::span<const RankReport> ranks) {
  std::vector<std::size_t> groups;
  std::map<std::string, std::size_t> known;
  std::size_t count = 0;
  for (const auto& rank : ranks) {
    const std::string name = rank.timeline ? rank.timeline->clock.clock : std::string();
    const auto [found, fresh] = known.try_emplace(name, count);
    groups.push_back(name.empty() || fresh ? count++ : found->second);
    if (name.empty()) known.erase(name);
  }
  return groups;
}

void take_sample(const Span& leg, const Span& job, Difference& best) {
  const std::int64_t there = job.begin_ns - leg.begin_ns;
  const std::int64_t back = leg.end_ns - job.end_ns;
  const std::int64_t error_ns = (there + back) / 2;  // half of the way there and back
  if (error_ns < 0 || error_ns >= best.error_ns) return;
  best = {(there - back) / 2, error_ns};
}

Differences measure(std::span<const RankReport> ranks, const std::vector<std::size_t>& groups) {
  std::map<std::uint32_t, std::size_t> group_of;
  for (std::size_t i = 0; i < ranks.size(); ++i) group_of[ranks[i].rank.value()] = groups[i];
  const auto apart = [&](std::size_t i, std::uint32_t peer) {
    const auto found = group_of.find(peer);
    return found != group_of.end() && found->second != groups[i];
  };
  std::map<LegKey, Span> jobs;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (!ranks[i].timeline) continue;
    for (const Span& span : ranks[i].timeline->spans) {
      if (span.kind != SpanKind::kJob || !apart(i, span.peer())) continue;
      jobs[key_of(span, span.peer(), ranks[i].rank.value())] = span;
    }
  }
  Differences found;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (!ranks[i].timeline) continue;
    for (const Span& span : ranks[i].timeline->spans) {
      if (span.kind != SpanKind::kLeg || !apart(i, span.peer())) continue;
      if (span.extra() != static_cast<std::uint32_t>(ExchangeEnd::kAnswered)) continue;
      const auto job = jobs.find(key_of(span, ranks[i].rank.value(), span.peer()));
      if (job == jobs.end()) continue;
      take_sample(span, job->second, found[{groups[i], group_of.at(span.peer())}]);
    }
  }
  return found;
}

// From the reference on, always the clock whose error is least.
std::map<std::size_t, ClockOffset> spread(std::size_t reference, const Differences& differences) {
  std::map<std::size_t, ClockOffset> known;
  known[reference] = {};
  while (true) {
    std::optional<std::size_t> next;
    ClockOffset best{ClockMethod::kExchanges, 0, std::numeric_limits<std::int64_t>::max()};
    for (const auto& [clocks, difference] : differences) {
      const auto [from, to] = clocks;
      if (known.contains(from) == known.contains(to)) continue;
      const bool forward = known.contains(from);
      const ClockOffset& base = known.at(forward ? from : to);
      const std::int64_t ahead = forward ? difference.ahead_ns : -difference.ahead_ns;
      const std::int64_t error = base.error_ns + difference.error_ns;
      if (error >= best.error_ns) continue;
      next = forward ? to : from;
      best = {ClockMethod::kExchanges, base.offset_ns - ahead, error};
    }
    if (!next) return known;
    known[*next] = best;
  }
}

std::int64_t wall_offset(const ClockFacts& clock, const ClockFacts& reference) {
  return (clock.wall_ns - clock.steady_ns) - (reference.wall_ns - reference.steady_ns);
}

std::optional<std::size_t> first_with_timeline(std::span<const RankReport> ranks) {
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (ranks[i].timeline) return i;
  }
  return std::nullopt;
}

}  // namespace

std::vector<ClockOffset> align_clocks(std::span<const RankReport> ranks) {
  std::vector<ClockOffset> offsets(ranks.size());
  const auto reference = first_with_timeline(ranks);
  if (!reference) return offsets;
  const auto groups = group_clocks(ranks);
  const auto known = spread(groups[*reference], measure(ranks, groups));
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (!ranks[i].timeline || i == *reference) continue;
    const auto found = known.find(groups[i]);
    if (found == known.end()) {
      offsets[i] = {ClockMethod::kWallClock,
                    wall_offset(ranks[i].timeline->clock, ranks[*reference].timeline->clock), 0};
      continue;
    }
    offsets[i] = found->second;
    if (groups[i] == groups[*reference]) offsets[i].method = ClockMethod::kSameClock;
  }
  return offsets;
}

ClockOffset align_clock(const ClockFacts& clock, std::span<const RankReport> ranks,
                        std::span<const ClockOffset> offsets) {
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (!ranks[i].timeline || clock.clock.empty()) continue;
    if (ranks[i].timeline->clock.clock != clock.clock) continue;
    ClockOffset same = offsets[i];
    if (same.method == ClockMethod::kReference) same.method = ClockMethod::kSameClock;
    return same;
  }
  const auto reference = first_with_timeline(ranks);
  if (!reference) return {};
  return {ClockMethod::kWallClock, wall_offset(clock, ranks[*reference].timeline->clock), 0};
}

}  // namespace switchyard::engine

// runtime/engine/rank_timeline.h -- a rank's timeline as it travels to rank 0 at the end of a run,
// within the rank's report: its spans and what is needed to put them beside those of other ranks.
// Thread safety: distinct objects: safe.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/timeline.h"

namespace switchyard::engine {

// Which monotonic clock a process reads, and what it showed at a moment of the wall clock.
struct ClockFacts {
  std::string clock;  // equal: the same clock, so that times compare as they are; empty: not known
  std::int64_t steady_ns = 0;
  std::int64_t wall_ns = 0;  // since 1970, at the same moment
};

// Of this process, now. Clocks are told apart by the boot of the kernel and the time namespace.
[[nodiscard]] ClockFacts clock_facts();

struct RankTimeline {
  ClockFacts clock;
  std::uint64_t dropped = 0;  // spans that did not fit
  std::vector<Span> spans;    // in the order in which they ended
};

[[nodiscard]] RankTimeline take_timeline(const Timeline& timeline);

[[nodiscard]] nlohmann::json encode_timeline(const RankTimeline& timeline);
// Throws nlohmann::json::exception where a field is missing. Errors: kPeer for records that are
// none.
[[nodiscard]] Result<RankTimeline> decode_timeline(const nlohmann::json& body);

}  // namespace switchyard::engine

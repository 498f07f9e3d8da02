// runtime/engine/clock_alignment.h -- how the clocks of ranks relate, so that their timelines can
// be put side by side. Processes of one kernel read one monotonic clock: nothing to do. Between
// hosts every answered exchange is a time measurement as NTP makes them: sent, arrived, answered,
// received; the one with the shortest way there and back says most. Where ranks of a host never
// exchanged anything with the others, its wall clock is believed.
// Thread safety: functions without state.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/engine/cluster_report.h"

namespace switchyard::engine {

enum class ClockMethod : std::uint8_t { kReference, kSameClock, kExchanges, kWallClock };

[[nodiscard]] constexpr std::string_view to_string(ClockMethod method) noexcept {
  switch (method) {
    case ClockMethod::kReference: return "reference";
    case ClockMethod::kSameClock: return "same-clock";
    case ClockMethod::kExchanges: return "exchanges";
    case ClockMethod::kWallClock: return "wall-clock";
  }
  return "unknown";
}

struct ClockOffset {
  ClockMethod method = ClockMethod::kReference;
  std::int64_t offset_ns = 0;  // to be added to the rank's times
  std::int64_t error_ns = 0;   // at most this far off; kWallClock: not known, 0
};

// One for each report; the first that has a timeline is the reference, those without one get zeros.
[[nodiscard]] std::vector<ClockOffset> align_clocks(std::span<const RankReport> ranks);

// The same for one more process that has no timeline, such as the one that writes the trace.
[[nodiscard]] ClockOffset align_clock(const ClockFacts& clock, std::span<const RankReport> ranks,
                                      std::span<const ClockOffset> offsets);

}  // namespace switchyard::engine

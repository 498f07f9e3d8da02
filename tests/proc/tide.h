// tests/proc/tide.h -- a load that rises to three times its height and falls back, and what a
// cluster that scales by itself makes of it. Prompts arrive by their own clock (at_ms); the work of
// an expert rank is proportional to their number. For tests and measurements only.
#pragma once

#include <vector>

#include "tests/proc/launched_cluster.h"

namespace switchyard::tests {

// Seconds of light, of heavy and again of light load; heavy: three times the prompts per second.
struct Tide {
  double light_s = 5;
  double heavy_s = 9;
  double ebb_s = 14;
  double light_per_s = 12;  // prompts
};

// When its prompts arrive changes no text, so a run to compare with may have them all at once.
enum class Arrive { kByTheClock, kAtOnce };

// generate with the prompts of the tide; writes them to the folder.
[[nodiscard]] Arguments tide_work(const ScratchFolder& scratch, const Tide& tide, Arrive arrive);

// What a rank should be busy for, over what it is under the light load with two expert ranks: the
// heavy load then asks for 2 * 3 / 1.5 = 4 of them, and the light one, spread over four, for
// 2 / 1.5, which is two.
inline constexpr double kTideTarget = 1.5;

// Flags of launch: one router, two expert ranks, two spares, and a target for their busy share.
[[nodiscard]] Arguments tide_launch(double busy_target);

// The mean busy share of the expert ranks in a cluster of two of them that does not scale and gets
// `per_s` prompts a second: the median over the seconds of a short run; 0 where none was reported.
[[nodiscard]] double usual_busy_share(double per_s);

struct ExpertRanks {
  double at_s = 0;  // since the first view
  std::size_t count = 0;
};
// How many expert ranks there were from when on, as the controller wrote it down.
[[nodiscard]] std::vector<ExpertRanks> expert_ranks_over_time(
    const std::vector<LoggedEvent>& events);
// From two up to four without a step back, and down to two without another step up.
[[nodiscard]] bool follows_the_tide(const std::vector<ExpertRanks>& sizes);
// "2 at 0.0 s, 4 at 7.1 s, 2 at 19.6 s"
[[nodiscard]] std::string text_of(const std::vector<ExpertRanks>& sizes);

}  // namespace switchyard::tests

// How a cluster that scales by itself follows a load that triples and falls back.
#include <fmt/format.h>

#include "tests/proc/bench/modes.h"
#include "tests/proc/scene.h"
#include "tests/proc/tide.h"

namespace switchyard::tests {
namespace {

double show_usual_share(double per_s) {
  const double share = usual_busy_share(per_s);
  fmt::print("{:.0f} prompts/s on two expert ranks: busy share {:.3f}\n", per_s, share);
  std::fflush(stdout);
  return share;
}

}  // namespace

bool tides(int trials) {
  const ScratchFolder scratch;
  const Tide tide;
  const double light = show_usual_share(tide.light_per_s);
  const double heavy = show_usual_share(3 * tide.light_per_s);
  if (light == 0 || heavy == 0) return false;
  const auto arguments = tide_work(scratch, tide, Arrive::kByTheClock);
  const auto alone = run_alone(tide_work(scratch, tide, Arrive::kAtOnce)).json()["sequences"];
  bool right = true;
  for (int trial = 0; trial < trials; ++trial) {
    LaunchedCluster cluster(tide_launch(kTideTarget * light), arguments);
    const auto outcome = cluster.finish();
    const auto wrong = difference(outcome, alone);
    const auto sizes = expert_ranks_over_time(cluster.events());
    const bool follows = follows_the_tide(sizes);
    fmt::print("trial {}: target {:.3f}: expert ranks {}{}; {} requests{}\n", trial,
               kTideTarget * light, text_of(sizes), follows ? "" : " (WRONG)", alone.size(),
               wrong.empty() ? ", texts equal" : ": " + wrong.substr(0, 2000));
    for (const auto& event : cluster.events()) {
      if (!follows && event.kind.starts_with("scaling")) fmt::print("  {}\n", event.text);
    }
    std::fflush(stdout);
    right = right && follows && wrong.empty();
  }
  return right;
}

}  // namespace switchyard::tests

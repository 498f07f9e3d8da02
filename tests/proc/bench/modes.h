// tests/proc/bench/modes.h -- what recovery_bench measures over real processes. Nothing here judges
// a time; a mode answers false only where a text came out wrong or a rank was taken for dead that
// was not. For measurements only (docs/PERFORMANCE.md).
#pragma once

#include <string>
#include <vector>

#include "tests/command/run_command.h"

namespace switchyard::tests {

// SIGKILL to a random expert rank, trial after trial. Detection: from the signal to the
// controller's verdict. Recovery: until every router acts under the view without it. And the time
// from one step's end to the next across the change: all that the stream of tokens notices.
[[nodiscard]] bool measure_deaths(int trials, const Arguments& launch);
// SIGSTOP instead: from the signal to the verdict; the rank is woken after it.
[[nodiscard]] bool measure_stops(int trials, const Arguments& launch);
// Steps per second in the ten seconds before the death of an expert rank and in those after it,
// over those of a run without harm in the same windows.
[[nodiscard]] bool measure_throughput(int trials, const Arguments& launch);
// One cluster that gets a prompt twice a second for so long, beside `busy` processes that never
// sleep: no rank may be taken for dead.
[[nodiscard]] bool soak(double minutes, int busy, const Arguments& launch);
// Every scene of the kill test in turn, victims and moments by seed, until `runs` were harmed.
// keep: where the logs of a run that went wrong go.
[[nodiscard]] bool campaign(int runs, unsigned first_seed, const std::string& keep);

// A load that triples and falls back, over a cluster that scales by itself: the busy share under
// the light load, then `trials` tides. Wrong: a text, a lost request, or another way than 2, 4, 2.
[[nodiscard]] bool tides(int trials);

// The time from one step's end to the next while experts move for the sake of balance, beside the
// usual one.
[[nodiscard]] bool measure_pauses(int trials);

// "WHAT: p50 .. ms, p99 .. ms, worst .. ms over N trials"
void print_times(const char* what, std::vector<double> seconds);

}  // namespace switchyard::tests

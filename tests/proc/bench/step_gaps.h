// tests/proc/bench/step_gaps.h -- for how long a router gave no tokens, out of its trace. For
// measurements only. Thread safety: pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

namespace switchyard::tests {

// Seconds between the ends of steps that follow each other on rank 0.
struct Gaps {
  std::vector<double> usual;
  std::vector<double> at_change;  // the second step ran under another view
};

// Adds those of one run; trace: what --trace-out wrote.
void add_gaps(const nlohmann::json& trace, Gaps& gaps);

}  // namespace switchyard::tests

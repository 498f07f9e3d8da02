// tests/proc/much_work.h -- arguments of a run that keeps a launched cluster busy for seconds, for
// tests that change the cluster meanwhile. Thread safety: functions without state.
#pragma once

#include "tests/command/run_command.h"

namespace switchyard::tests {

// Sixteen long answers of a small random model, whose experts are not equally busy. They are asked
// for `at_s` seconds after the start, which changes no text.
[[nodiscard]] Arguments much_work(const ScratchFolder& scratch, double at_s = 0);

}  // namespace switchyard::tests

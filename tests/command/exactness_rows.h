// tests/command/exactness_rows.h -- the rows of law 1: runs that differ in layout only must print
// the same sequences, digests of their logits included. Shared by the local and the MPI test.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/command/run_command.h"

namespace switchyard::tests {

// Sixteen prompts of different lengths, so that batches are ragged and prompts span several chunks.
[[nodiscard]] std::string exactness_prompts(const ScratchFolder& scratch);

// generate --preset demo --prompts .. --json with the extra arguments.
[[nodiscard]] Arguments exactness_run(const std::string& prompts, const Arguments& extra);

// The run ended well, conserved its pairs, and its "sequences" equal the baseline's.
void expect_same_sequences(const Outcome& outcome, const nlohmann::json& baseline);

}  // namespace switchyard::tests

// tests/command/exactness_rows.h -- the rows of law 1: runs that differ in layout only must print
// the same sequences, digests of their logits included. Shared by the local and the MPI test.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/command/run_command.h"

namespace switchyard::tests {

inline constexpr std::size_t kExactnessPrompts = 16;

// Of the prompts that are given as ids. A page of the KV cache has 64 positions: 63 tokens cross
// into the second one while decoding, 65 and 129 end one position past a page and past a chunk of
// 64, 301 fill more than four pages.
struct PromptSizes {
  std::size_t vocab = 2000;
  std::vector<std::size_t> tokens = {63, 65, 129, 301};
};

// Sixteen prompts of different lengths, so that batches are ragged and prompts span several chunks.
[[nodiscard]] std::string exactness_prompts(const ScratchFolder& scratch,
                                            const PromptSizes& sizes = {});

// generate --preset demo --prompts .. --json with the extra arguments.
[[nodiscard]] Arguments exactness_run(const std::string& prompts, const Arguments& extra);

// The prompts are as long as PromptSizes promises: some span pages, one crosses into its second
// page while decoding.
void expect_prompts_cross_pages(const nlohmann::json& sequences);

// The run ended well, conserved its pairs, and its "sequences" equal the baseline's.
void expect_same_sequences(const Outcome& outcome, const nlohmann::json& baseline);

}  // namespace switchyard::tests

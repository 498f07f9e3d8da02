// launcher/model_check.h -- what is wrong with a model directory, for `inspect`: config.json,
// generation_config.json, index and shards, tokenizer and, on request, the weights' values. Not
// what a run does: it ends at the first problem. Thread: the main thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "launcher/progress_line.h"
#include "runtime/base/error.h"
#include "runtime/config/run_config.h"
#include "runtime/model/checkpoint/problem_list.h"
#include "runtime/model/weight_source.h"

namespace switchyard::launcher {

enum class TokenizerFile { kNone, kUsable, kBroken };

struct ModelCheck {
  std::vector<model::Problem> problems;  // empty: runs can use it
  TokenizerFile tokenizer = TokenizerFile::kNone;
};

// Reads headers and small files, no values. Each file is checked whatever is wrong with the others;
// a directory without tokenizer.json serves token ids, so that is no problem.
[[nodiscard]] ModelCheck check_model(const config::ModelSection& section);

struct ValuesCheck {
  std::vector<model::Problem> problems;  // one for each tensor that holds NaN or infinity
  std::size_t bytes = 0;                 // that were read
};

// Reads every weight of an open checkpoint. Errors: as reading gives them.
[[nodiscard]] Result<ValuesCheck> read_values(model::WeightSource& source, ProgressLine& progress);

enum class ReportAs { kText, kJson };

// Prints the problems to stdout and gives the error to end with.
[[nodiscard]] Unexpected refuse_model(const std::string& path,
                                      const std::vector<model::Problem>& problems, ReportAs form);

}  // namespace switchyard::launcher

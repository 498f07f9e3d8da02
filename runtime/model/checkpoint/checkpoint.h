// runtime/model/checkpoint/checkpoint.h -- a model directory: its configuration and what is wrong
// with it. The weights themselves come through open_checkpoint() (runtime/model/weight_source.h).
// Thread safety: functions are safe to call from any thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/model/checkpoint/problem_list.h"
#include "runtime/model/model_config.h"
#include "runtime/model/weight_source.h"

namespace switchyard::model {

// config.json, with the end tokens of generation_config.json added.
// Errors: kNotFound, kBadInput, kUnsupported, each naming file and key.
[[nodiscard]] Result<ModelConfig> read_model_config(const std::string& directory);

// Everything that keeps open_checkpoint() from opening this directory, at most 1000 entries;
// empty: it opens. No file hides what is wrong with another, but without a usable config.json the
// tensors are not looked for. Reads headers only, no weights.
[[nodiscard]] std::vector<Problem> check_checkpoint(const std::string& directory);

// Reads every weight and adds a problem for each that is not finite somewhere, naming file, tensor
// and the first such element. `progress` is told the weights done, of all, before each.
// Errors: the source's.
[[nodiscard]] Result<void> check_values(
    WeightSource& source, ProblemList& problems,
    const std::function<void(std::size_t done, std::size_t total)>& progress);

}  // namespace switchyard::model

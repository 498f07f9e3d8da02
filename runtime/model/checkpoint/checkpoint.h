// runtime/model/checkpoint/checkpoint.h -- a model directory: its configuration and what is wrong
// with it. The weights themselves come through open_checkpoint() (runtime/model/weight_source.h).
// Thread safety: functions are safe to call from any thread.
#pragma once

#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/model/checkpoint/problem_list.h"
#include "runtime/model/model_config.h"

namespace switchyard::model {

// config.json, with the end tokens of generation_config.json added.
// Errors: kNotFound, kBadInput, kUnsupported, each naming file and key.
[[nodiscard]] Result<ModelConfig> read_model_config(const std::string& directory);

// Everything that keeps open_checkpoint() from opening this directory, at most 1000 entries;
// empty: it opens. Reads headers only, no weights.
[[nodiscard]] std::vector<Problem> check_checkpoint(const std::string& directory);

}  // namespace switchyard::model

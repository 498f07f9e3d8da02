// runtime/model/bpe/pipeline_stage.h -- one stage of a tokenizer.json's normalizer, pre_tokenizer,
// post_processor or decoder: a node with a type. Sequences are unrolled. Not what a stage means
// (pipeline_spec.h, space_marks_spec.h). Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/model/bpe/json_node.h"

namespace switchyard::model::bpe {

struct PipelineStage {
  JsonNode node;
  std::string type;
};

// `node`, or its parts in order (under `parts_key`) where it is a Sequence.
// Errors: kBadInput, kUnsupported naming the key.
[[nodiscard]] Result<std::vector<PipelineStage>> read_stages(const JsonNode& node,
                                                             std::string_view parts_key);

// "...type: X is not supported (`known`)".
[[nodiscard]] Unexpected unknown_type(const PipelineStage& stage, std::string_view known);

}  // namespace switchyard::model::bpe

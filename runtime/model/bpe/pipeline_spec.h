// runtime/model/bpe/pipeline_spec.h -- reads the stages around the merges: normalizer,
// pre_tokenizer, post_processor and decoder of a tokenizer.json. Not the vocabulary
// (tokenizer_spec.h). Thread safety: pure function.
#pragma once

#include "runtime/base/error.h"
#include "runtime/model/bpe/json_node.h"
#include "runtime/model/bpe/tokenizer_spec.h"

namespace switchyard::model::bpe {

// Fills normalization, steps, marks and prefix_ids of `spec`, whose spelling is known. Understood
// are: normalizer NFC; pre_tokenizer Split (Regex, Isolated) and ByteLevel, which comes last;
// post_processor ByteLevel (no effect on ids) and the template `tokens $A`; decoder ByteLevel. With
// the spelling kByteFallback all but the post_processor is read by space_marks_spec.h.
// Errors: kBadInput, kUnsupported, kLimit naming the key.
[[nodiscard]] Result<void> read_pipeline(const JsonNode& root, const TokenizerLimits& limits,
                                         TokenizerSpec& spec);

}  // namespace switchyard::model::bpe

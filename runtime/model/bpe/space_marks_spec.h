// runtime/model/bpe/space_marks_spec.h -- reads normalizer, pre_tokenizer and decoder of a
// tokenizer.json whose tokens are spelled with space marks and byte_fallback, as Mixtral's is. Not
// those of byte-level files (pipeline_spec.h). Thread safety: pure function.
#pragma once

#include "runtime/base/error.h"
#include "runtime/model/bpe/json_node.h"
#include "runtime/model/bpe/tokenizer_spec.h"

namespace switchyard::model::bpe {

// Fills normalization and marks of `spec`. Understood are both ways in which such files are
// written: the normalizers Prepend and Replace with no pre_tokenizer (until 2024), or no normalizer
// and the pre_tokenizer Metaspace with "split": false; the decoders Replace, ByteFallback, Fuse,
// Strip and Metaspace, of which Strip takes the leading space, which Tokenizer::decode() keeps.
// Errors: kBadInput, kUnsupported naming the key.
[[nodiscard]] Result<void> read_space_marks(const JsonNode& root, TokenizerSpec& spec);

}  // namespace switchyard::model::bpe

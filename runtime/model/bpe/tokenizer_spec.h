// runtime/model/bpe/tokenizer_spec.h -- what a tokenizer.json says, checked and reduced to what
// BPE needs; whatever would change the ids and is not understood is refused by name.
// Source: the file format of Hugging Face tokenizers. Thread safety: distinct objects: safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/model/bpe/tokenizer_limits.h"

namespace switchyard::model::bpe {

// How tokens spell text: a printable character for each byte (byte_alphabet.h), or the characters
// themselves, U+2581 for a space (space_marks.h) and <0x0A> for a byte ("byte_fallback").
enum class Spelling { kByteAlphabet, kByteFallback };
enum class Normalization { kNone, kNfc, kSpaceMarks };
// Which parts of a text (between added tokens) get a space in front, unless they have one.
enum class FrontMark { kNever, kFirst, kAlways };
enum class PrefixSpace { kNone, kAdd };               // put a space before a piece that has none
enum class PieceLookup { kMergesOnly, kVocabFirst };  // "ignore_merges": a piece that is a token

// One step of cutting text into pieces; each runs on the pieces of the one before.
struct SplitStep {
  PrefixSpace prefix_space = PrefixSpace::kNone;
  std::string pattern;  // empty: leaves the piece whole
};

// A token that is found in the text itself, before any cutting.
struct AddedToken {
  std::uint32_t id = 0;
  std::string content;
  bool special = false;     // left out of the decoded text where the caller asks for that
  bool normalized = false;  // looked for after normalisation instead of before
};

// Tokens as the file spells them.
struct MergeRule {
  std::string left;
  std::string right;
};

struct TokenizerSpec {
  Spelling spelling = Spelling::kByteAlphabet;
  std::map<std::string, std::uint32_t, std::less<>> vocab;
  std::vector<MergeRule> merges;  // in order of rank
  PieceLookup lookup = PieceLookup::kMergesOnly;
  std::vector<AddedToken> added;
  Normalization normalization = Normalization::kNone;
  std::vector<SplitStep> steps;           // empty with kByteFallback: the text is one piece
  std::optional<FrontMark> marks;         // of a pre_tokenizer that marks spaces
  std::vector<std::uint32_t> prefix_ids;  // put before every text, e.g. <s>
};

// Errors: kBadInput, kUnsupported, kLimit, each naming `place` and the key.
[[nodiscard]] Result<TokenizerSpec> read_tokenizer_spec(std::string_view json,
                                                        std::string_view place,
                                                        const TokenizerLimits& limits);

}  // namespace switchyard::model::bpe

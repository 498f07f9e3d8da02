// runtime/model/bpe/byte_level_bpe.h -- the Tokenizer of GPT-2, Qwen, GPT-NeoX and OLMoE files:
// added tokens are cut out, the rest is normalised, cut into pieces, and the bytes of each piece
// are merged. decode() gives back the bytes of the normalised text; with a prefix token or
// "add_prefix_space" what was put in front comes back too.
// Thread safety: shared const objects: safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/model/bpe/added_tokens.h"
#include "runtime/model/bpe/merge_table.h"
#include "runtime/model/bpe/split_pattern.h"
#include "runtime/model/bpe/tokenizer_spec.h"
#include "runtime/model/bpe/vocabulary.h"
#include "runtime/model/tokenizer.h"

namespace switchyard::model::bpe {

class ByteLevelBpe final : public Tokenizer {
 public:
  // Errors: kBadInput, kUnsupported naming `place` and the key.
  [[nodiscard]] static Result<std::unique_ptr<Tokenizer>> create(const TokenizerSpec& spec,
                                                                 std::string_view place,
                                                                 const TokenizerLimits& limits);

  [[nodiscard]] std::size_t vocab() const noexcept override { return vocabulary_.size(); }
  [[nodiscard]] Result<std::vector<std::uint32_t>> encode(std::string_view text) const override;
  [[nodiscard]] Result<std::string> decode(std::span<const std::uint32_t> ids,
                                           Special special) const override;

 private:
  struct Step {
    PrefixSpace prefix_space = PrefixSpace::kNone;
    std::optional<SplitPattern> pattern;
  };
  struct Encoding;  // the ids so far, and scratch memory

  ByteLevelBpe(Vocabulary vocabulary, MergeTable merges, const TokenizerLimits& limits)
      : vocabulary_(std::move(vocabulary)), merges_(std::move(merges)), limits_(limits) {}
  [[nodiscard]] Result<void> add_tokens(const TokenizerSpec& spec);
  // From the outside in: text, text without raw added tokens, normalised text without any, pieces.
  [[nodiscard]] Result<void> encode_raw(std::string_view text, Encoding& out) const;
  [[nodiscard]] Result<void> encode_normalized(std::string_view text, Encoding& out) const;
  [[nodiscard]] Result<void> split(std::string_view piece, std::size_t step, Encoding& out) const;
  void merge(std::string_view piece, Encoding& out) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  TokenizerLimits limits_;
  AddedTokens raw_added_;         // looked for before normalisation
  AddedTokens normalized_added_;  // and after it
  Normalization normalization_ = Normalization::kNone;
  std::vector<Step> steps_;
  std::vector<std::uint32_t> prefix_ids_;
  std::unordered_map<std::string, std::uint32_t> whole_pieces_;  // empty for kMergesOnly
};

}  // namespace switchyard::model::bpe

// runtime/model/bpe/bpe_tokenizer.h -- the Tokenizer of GPT-2, Qwen, GPT-NeoX and OLMoE files
// (byte-level) and of Mixtral's (SentencePiece's): added tokens are cut out, the rest is
// normalised, cut into pieces, and the symbols of each piece are merged. decode() gives back the
// bytes of the normalised text; what a prefix token, "add_prefix_space" or SentencePiece's leading
// space put in front comes back too, so that continuations of a text can be decoded by themselves.
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

class BpeTokenizer final : public Tokenizer {
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
  struct Encoding;                     // the ids so far, and scratch memory
  enum class Part { kFirst, kLater };  // whether a part of the text begins where the text begins

  BpeTokenizer(Vocabulary vocabulary, MergeTable merges, const TokenizerLimits& limits)
      : vocabulary_(std::move(vocabulary)), merges_(std::move(merges)), limits_(limits) {}
  [[nodiscard]] Result<void> add_tokens(const TokenizerSpec& spec);
  // From the outside in: text, text without raw added tokens, normalised text without any, pieces.
  [[nodiscard]] Result<void> encode_raw(std::string_view text, Encoding& out) const;
  [[nodiscard]] Result<void> encode_normalized(std::string_view text, Part part,
                                               Encoding& out) const;
  [[nodiscard]] Result<void> split(std::string_view piece, std::size_t step, Encoding& out) const;
  void mark(std::string_view piece, Part part, Encoding& out) const;
  void merge(std::string_view piece, Encoding& out) const;
  // The result views `text` or `storage`, whichever holds it.
  [[nodiscard]] Result<std::string_view> normalize(std::string_view text,
                                                   std::string& storage) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  TokenizerLimits limits_;
  AddedTokens raw_added_;         // looked for before normalisation
  AddedTokens normalized_added_;  // and after it
  Normalization normalization_ = Normalization::kNone;
  std::vector<Step> steps_;         // of byte-level files
  std::optional<FrontMark> marks_;  // of files whose pre_tokenizer marks spaces
  std::vector<std::uint32_t> prefix_ids_;
  std::unordered_map<std::string, std::uint32_t> whole_pieces_;  // empty for kMergesOnly
};

}  // namespace switchyard::model::bpe

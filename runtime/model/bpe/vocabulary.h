// runtime/model/bpe/vocabulary.h -- ids and the bytes they stand for. Ids may have holes.
// Thread safety: shared const objects: safe.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/model/bpe/merge_table.h"
#include "runtime/model/bpe/tokenizer_spec.h"

namespace switchyard::model::bpe {

enum class TokenKind : std::uint8_t { kHole, kText, kSpecial };

class Vocabulary {
 public:
  // Errors: kBadInput where an id has two tokens, a token two ids, or a byte no token.
  [[nodiscard]] static Result<Vocabulary> create(const TokenizerSpec& spec, std::string_view place);

  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }  // largest id + 1
  [[nodiscard]] TokenKind kind(std::uint32_t id) const noexcept {
    return id < kinds_.size() ? kinds_[id] : TokenKind::kHole;
  }
  // The bytes of a token that is no hole.
  [[nodiscard]] const std::string& bytes(std::uint32_t id) const { return bytes_[id]; }
  // Appends the tokens that merging a piece (valid UTF-8) starts from: those of its bytes, or of
  // its characters and of the bytes of characters that have none.
  void spell(std::string_view piece, std::vector<std::uint32_t>& ids) const;

 private:
  [[nodiscard]] Result<void> add_text(const TokenizerSpec& spec, std::string_view place);
  [[nodiscard]] Result<void> add_added(const TokenizerSpec& spec, std::string_view place);
  [[nodiscard]] Result<void> find_byte_ids(const TokenizerSpec& spec, std::string_view place);
  void find_character_ids(const TokenizerSpec& spec);

  std::vector<std::string> bytes_;
  std::vector<TokenKind> kinds_;
  Spelling spelling_ = Spelling::kByteAlphabet;
  std::array<std::uint32_t, 256> byte_ids_{};  // every byte that occurs in UTF-8 has one
  std::unordered_map<std::uint32_t, std::uint32_t> character_ids_;  // code point -> token
};

// Errors: kBadInput where a rule names a token that the vocabulary lacks.
[[nodiscard]] Result<MergeTable> make_merge_table(const TokenizerSpec& spec,
                                                  std::string_view place);

}  // namespace switchyard::model::bpe

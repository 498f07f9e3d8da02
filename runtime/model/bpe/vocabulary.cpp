#include "runtime/model/bpe/vocabulary.h"

#include <algorithm>

#include "runtime/base/utf8.h"
#include "runtime/model/bpe/byte_alphabet.h"
#include "runtime/model/bpe/space_marks.h"

namespace switchyard::model::bpe {
namespace {

std::size_t id_end(const TokenizerSpec& spec) {
  std::size_t end = 0;
  for (const auto& [token, id] : spec.vocab) end = std::max<std::size_t>(end, id + 1);
  for (const AddedToken& token : spec.added) end = std::max<std::size_t>(end, token.id + 1);
  return end;
}

// The bytes that a token of model.vocab stands for. One with other characters than its spelling's
// is text as it stands: some files list their added tokens there.
std::string bytes_of(std::string_view token, Spelling spelling, const ByteAlphabet& alphabet) {
  if (spelling == Spelling::kByteAlphabet) {
    return alphabet.to_bytes(token).value_or(std::string(token));
  }
  if (const auto byte = fallback_byte(token)) return std::string(1, static_cast<char>(*byte));
  return without_space_marks(token);
}

}  // namespace

Result<Vocabulary> Vocabulary::create(const TokenizerSpec& spec, std::string_view place) {
  Vocabulary vocabulary;
  vocabulary.spelling_ = spec.spelling;
  vocabulary.bytes_.resize(id_end(spec));
  vocabulary.kinds_.resize(id_end(spec), TokenKind::kHole);
  SY_TRY(vocabulary.add_text(spec, place));
  SY_TRY(vocabulary.add_added(spec, place));
  SY_TRY(vocabulary.find_byte_ids(spec, place));
  if (spec.spelling == Spelling::kByteFallback) vocabulary.find_character_ids(spec);
  for (const std::uint32_t id : spec.prefix_ids) {
    if (vocabulary.kind(id) == TokenKind::kHole) {
      return fail(ErrorCode::kBadInput, "{}: post_processor: id {} has no token", place, id);
    }
  }
  return vocabulary;
}

Result<void> Vocabulary::add_text(const TokenizerSpec& spec, std::string_view place) {
  const ByteAlphabet alphabet;
  for (const auto& [token, id] : spec.vocab) {
    if (kinds_[id] != TokenKind::kHole) {
      return fail(ErrorCode::kBadInput, "{}: model.vocab: id {} has two tokens, one is \"{}\"",
                  place, id, token);
    }
    bytes_[id] = bytes_of(token, spec.spelling, alphabet);
    kinds_[id] = TokenKind::kText;
  }
  return {};
}

Result<void> Vocabulary::add_added(const TokenizerSpec& spec, std::string_view place) {
  for (std::size_t i = 0; i < spec.added.size(); ++i) {
    const AddedToken& token = spec.added[i];
    const auto listed = spec.vocab.find(token.content);
    const bool same_id = listed == spec.vocab.end() || listed->second == token.id;
    const bool same_token = listed != spec.vocab.end() || kinds_[token.id] == TokenKind::kHole;
    if (!same_id || !same_token) {
      return fail(ErrorCode::kBadInput, "{}: added_tokens[{}]: \"{}\" with id {} contradicts {}",
                  place, i, token.content, token.id,
                  same_id ? "another token of that id" : "its id in model.vocab");
    }
    bytes_[token.id] = token.content;
    kinds_[token.id] = token.special ? TokenKind::kSpecial : TokenKind::kText;
  }
  return {};
}

Result<void> Vocabulary::find_byte_ids(const TokenizerSpec& spec, std::string_view place) {
  const ByteAlphabet alphabet;
  for (unsigned byte = 0; byte < byte_ids_.size(); ++byte) {
    const auto value = static_cast<std::uint8_t>(byte);
    const auto token = spec.vocab.find(
        spec.spelling == Spelling::kByteAlphabet ? alphabet.symbol(value) : fallback_token(value));
    if (token != spec.vocab.end()) {
      byte_ids_[byte] = token->second;
    } else if (occurs_in_utf8(byte)) {  // some vocabularies leave out the 13 bytes that never occur
      return fail(ErrorCode::kBadInput, "{}: model.vocab: no token for the byte 0x{:02X}", place,
                  byte);
    }
  }
  return {};
}

void Vocabulary::find_character_ids(const TokenizerSpec& spec) {
  for (const auto& [token, id] : spec.vocab) {
    if (valid_sequence_bytes(token, 0) != token.size()) continue;
    std::size_t offset = 0;
    character_ids_.emplace(next_code_point(token, offset), id);
  }
}

void Vocabulary::spell(std::string_view piece, std::vector<std::uint32_t>& ids) const {
  const auto spell_bytes = [&](std::string_view bytes) {
    for (const char c : bytes) ids.push_back(byte_ids_[static_cast<unsigned char>(c)]);
  };
  if (spelling_ == Spelling::kByteAlphabet) return spell_bytes(piece);
  for (std::size_t at = 0; at < piece.size();) {
    const std::size_t begin = at;
    const auto id = character_ids_.find(next_code_point(piece, at));
    if (id != character_ids_.end()) {
      ids.push_back(id->second);
    } else {
      spell_bytes(piece.substr(begin, at - begin));
    }
  }
}

Result<MergeTable> make_merge_table(const TokenizerSpec& spec, std::string_view place) {
  MergeTable table(spec.merges.size());
  for (std::size_t rank = 0; rank < spec.merges.size(); ++rank) {
    const MergeRule& rule = spec.merges[rank];
    const auto left = spec.vocab.find(rule.left);
    const auto right = spec.vocab.find(rule.right);
    const auto both = spec.vocab.find(rule.left + rule.right);
    for (const auto& token : {left, right, both}) {
      if (token == spec.vocab.end()) {
        return fail(
            ErrorCode::kBadInput,
            "{}: model.merges[{}]: \"{}\" + \"{}\": a part or the whole is not in the vocab", place,
            rank, rule.left, rule.right);
      }
    }
    table.add({left->second, right->second}, {static_cast<std::uint32_t>(rank), both->second});
  }
  return table;
}

}  // namespace switchyard::model::bpe

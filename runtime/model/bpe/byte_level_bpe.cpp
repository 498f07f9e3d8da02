#include "runtime/model/bpe/byte_level_bpe.h"

#include "runtime/base/utf8.h"
#include "runtime/model/bpe/nfc.h"

namespace switchyard::model::bpe {

struct ByteLevelBpe::Encoding {
  std::vector<std::uint32_t> ids;
  std::vector<std::uint32_t> piece;  // scratch of merge()
};

Result<std::unique_ptr<Tokenizer>> ByteLevelBpe::create(const TokenizerSpec& spec,
                                                        std::string_view place,
                                                        const TokenizerLimits& limits) {
  SY_ASSIGN(Vocabulary vocabulary, Vocabulary::create(spec, place));
  SY_ASSIGN(MergeTable merges, make_merge_table(spec, place));
  std::unique_ptr<ByteLevelBpe> tokenizer(
      new ByteLevelBpe(std::move(vocabulary), std::move(merges), limits));
  tokenizer->normalization_ = spec.normalization;
  tokenizer->prefix_ids_ = spec.prefix_ids;
  SY_TRY(tokenizer->add_tokens(spec));
  for (const SplitStep& step : spec.steps) {
    Step made{step.prefix_space, std::nullopt};
    if (!step.pattern.empty()) {
      auto pattern = SplitPattern::compile(step.pattern);
      if (!pattern) {
        return with_place(std::move(pattern).error(), fmt::format("{}: pre_tokenizer", place));
      }
      made.pattern = *std::move(pattern);
    }
    tokenizer->steps_.push_back(std::move(made));
  }
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

Result<void> ByteLevelBpe::add_tokens(const TokenizerSpec& spec) {
  for (const AddedToken& token : spec.added) {
    if (token.normalized && normalization_ == Normalization::kNfc) {
      std::string storage;
      SY_ASSIGN(const std::string_view content, to_nfc(token.content, storage));
      normalized_added_.add(content, token.id);
    } else {
      (token.normalized ? normalized_added_ : raw_added_).add(token.content, token.id);
    }
  }
  if (spec.lookup == PieceLookup::kVocabFirst) {
    for (const auto& [token, id] : spec.vocab) whole_pieces_.emplace(vocabulary_.bytes(id), id);
  }
  return {};
}

Result<std::vector<std::uint32_t>> ByteLevelBpe::encode(std::string_view text) const {
  if (text.size() > limits_.text_bytes_max) {
    return fail(ErrorCode::kLimit, "text of {} bytes, the limit is {}", text.size(),
                limits_.text_bytes_max);
  }
  if (const auto offset = find_invalid_utf8(text)) {
    return fail(ErrorCode::kBadInput, "text: invalid UTF-8 at byte {} (0x{:02X})", *offset,
                static_cast<unsigned char>(text[*offset]));
  }
  Encoding out{prefix_ids_, {}};
  SY_TRY(encode_raw(text, out));
  return std::move(out.ids);
}

Result<void> ByteLevelBpe::encode_raw(std::string_view text, Encoding& out) const {
  for (std::size_t at = 0; at < text.size();) {
    const auto match = raw_added_.find(text, at);
    const std::size_t end = match ? match->begin : text.size();
    std::string storage;
    std::string_view part = text.substr(at, end - at);
    if (normalization_ == Normalization::kNfc) {
      SY_ASSIGN(part, to_nfc(part, storage));
    }
    SY_TRY(encode_normalized(part, out));
    if (match) out.ids.push_back(match->id);
    at = match ? match->end : end;
  }
  return {};
}

Result<void> ByteLevelBpe::encode_normalized(std::string_view text, Encoding& out) const {
  for (std::size_t at = 0; at < text.size();) {
    const auto match = normalized_added_.find(text, at);
    const std::size_t end = match ? match->begin : text.size();
    if (end > at) SY_TRY(split(text.substr(at, end - at), 0, out));
    if (match) out.ids.push_back(match->id);
    at = match ? match->end : end;
  }
  return {};
}

// One level of recursion for each step of the file, at most split_steps_max.
Result<void> ByteLevelBpe::split(std::string_view piece, std::size_t step, Encoding& out) const {
  if (step == steps_.size()) {
    merge(piece, out);
    return {};
  }
  const Step& how = steps_[step];
  std::string spaced;
  if (how.prefix_space == PrefixSpace::kAdd && !piece.starts_with(' ')) {
    spaced.append(" ").append(piece);
    piece = spaced;
  }
  if (!how.pattern) return split(piece, step + 1, out);
  PieceCursor cursor(*how.pattern, piece);
  std::string_view part;
  while (true) {
    SY_ASSIGN(const bool more, cursor.next(part));
    if (!more) return {};
    SY_TRY(split(part, step + 1, out));
  }
}

void ByteLevelBpe::merge(std::string_view piece, Encoding& out) const {
  if (!whole_pieces_.empty()) {
    if (const auto whole = whole_pieces_.find(std::string(piece)); whole != whole_pieces_.end()) {
      out.ids.push_back(whole->second);
      return;
    }
  }
  out.piece.clear();
  for (const char c : piece) {
    out.piece.push_back(vocabulary_.byte_id(static_cast<unsigned char>(c)));
  }
  merges_.apply(out.piece);
  out.ids.insert(out.ids.end(), out.piece.begin(), out.piece.end());
}

Result<std::string> ByteLevelBpe::decode(std::span<const std::uint32_t> ids,
                                         Special special) const {
  std::string bytes;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const TokenKind kind = vocabulary_.kind(ids[i]);
    if (kind == TokenKind::kHole) {
      return fail(ErrorCode::kBadInput, "token {}: id {} is not in the vocabulary of {}", i, ids[i],
                  vocabulary_.size());
    }
    if (kind == TokenKind::kSpecial && special == Special::kSkip) continue;
    bytes += vocabulary_.bytes(ids[i]);
  }
  return bytes;
}

}  // namespace switchyard::model::bpe

#include "runtime/model/bpe/bpe_tokenizer.h"

#include "runtime/base/utf8.h"
#include "runtime/model/bpe/nfc.h"
#include "runtime/model/bpe/space_marks.h"

namespace switchyard::model::bpe {

struct BpeTokenizer::Encoding {
  std::vector<std::uint32_t> ids;
  std::vector<std::uint32_t> piece;  // scratch of merge()
};

Result<std::unique_ptr<Tokenizer>> BpeTokenizer::create(const TokenizerSpec& spec,
                                                        std::string_view place,
                                                        const TokenizerLimits& limits) {
  SY_ASSIGN(Vocabulary vocabulary, Vocabulary::create(spec, place));
  SY_ASSIGN(MergeTable merges, make_merge_table(spec, place));
  std::unique_ptr<BpeTokenizer> tokenizer(
      new BpeTokenizer(std::move(vocabulary), std::move(merges), limits));
  tokenizer->normalization_ = spec.normalization;
  tokenizer->marks_ = spec.marks;
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

Result<void> BpeTokenizer::add_tokens(const TokenizerSpec& spec) {
  for (const AddedToken& token : spec.added) {
    if (token.normalized) {
      std::string storage;
      SY_ASSIGN(const std::string_view content, normalize(token.content, storage));
      normalized_added_.add(content, token.id);
    } else {
      raw_added_.add(token.content, token.id);
    }
  }
  if (spec.lookup == PieceLookup::kVocabFirst) {
    for (const auto& [token, id] : spec.vocab) whole_pieces_.emplace(vocabulary_.bytes(id), id);
  }
  return {};
}

Result<std::vector<std::uint32_t>> BpeTokenizer::encode(std::string_view text) const {
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

Result<void> BpeTokenizer::encode_raw(std::string_view text, Encoding& out) const {
  for (std::size_t at = 0; at < text.size();) {
    const auto match = raw_added_.find(text, at);
    const std::size_t end = match ? match->begin : text.size();
    std::string storage;
    SY_ASSIGN(const std::string_view part, normalize(text.substr(at, end - at), storage));
    SY_TRY(encode_normalized(part, at == 0 ? Part::kFirst : Part::kLater, out));
    if (match) out.ids.push_back(match->id);
    at = match ? match->end : end;
  }
  return {};
}

Result<std::string_view> BpeTokenizer::normalize(std::string_view text,
                                                 std::string& storage) const {
  if (normalization_ == Normalization::kNfc) return to_nfc(text, storage);
  if (normalization_ == Normalization::kNone || text.empty()) return text;
  storage = with_space_marks(text, kSpaceMark);
  return std::string_view(storage);
}

Result<void> BpeTokenizer::encode_normalized(std::string_view text, Part part,
                                             Encoding& out) const {
  for (std::size_t at = 0; at < text.size();) {
    const auto match = normalized_added_.find(text, at);
    const std::size_t end = match ? match->begin : text.size();
    if (end > at) {
      const std::string_view between = text.substr(at, end - at);
      if (marks_) {
        mark(between, at == 0 ? part : Part::kLater, out);
      } else {
        SY_TRY(split(between, 0, out));
      }
    }
    if (match) out.ids.push_back(match->id);
    at = match ? match->end : end;
  }
  return {};
}

void BpeTokenizer::mark(std::string_view piece, Part part, Encoding& out) const {
  const bool wanted =
      *marks_ == FrontMark::kAlways || (*marks_ == FrontMark::kFirst && part == Part::kFirst);
  const bool there = piece.starts_with(' ') || piece.starts_with(kSpaceMark);
  merge(with_space_marks(piece, wanted && !there ? kSpaceMark : ""), out);
}

// One level of recursion for each step of the file, at most split_steps_max.
Result<void> BpeTokenizer::split(std::string_view piece, std::size_t step, Encoding& out) const {
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

void BpeTokenizer::merge(std::string_view piece, Encoding& out) const {
  if (!whole_pieces_.empty()) {
    if (const auto whole = whole_pieces_.find(std::string(piece)); whole != whole_pieces_.end()) {
      out.ids.push_back(whole->second);
      return;
    }
  }
  out.piece.clear();
  vocabulary_.spell(piece, out.piece);
  merges_.apply(out.piece);
  out.ids.insert(out.ids.end(), out.piece.begin(), out.piece.end());
}

Result<std::string> BpeTokenizer::decode(std::span<const std::uint32_t> ids,
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

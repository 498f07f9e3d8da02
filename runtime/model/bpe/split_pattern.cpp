#include "runtime/model/bpe/split_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

#include "runtime/base/check.h"
#include "runtime/model/bpe/pattern_dialect.h"

namespace switchyard::model::bpe {
namespace {

// PCRE2's own default, stated because it is part of our contract: about a second of backtracking.
constexpr std::uint32_t kMatchSteps = 10'000'000;
constexpr std::uint32_t kMatchHeapKib = 65'536;

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

void SplitPattern::FreeCode::operator()(pcre2_code* code) const noexcept { pcre2_code_free(code); }
void SplitPattern::FreeContext::operator()(pcre2_match_context* context) const noexcept {
  pcre2_match_context_free(context);
}
void PieceCursor::FreeMatch::operator()(pcre2_match_data* match) const noexcept {
  pcre2_match_data_free(match);
}

Result<SplitPattern> SplitPattern::compile(std::string_view pattern) {
  SY_ASSIGN(const std::string dialect, to_pcre2_dialect(pattern));
  int error = 0;
  PCRE2_SIZE offset = 0;
  SplitPattern split;
  split.code_.reset(pcre2_compile(units(dialect), dialect.size(),
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset,
                                  nullptr));
  if (split.code_ == nullptr) {
    return fail(ErrorCode::kBadInput, "regular expression '{}', byte {}: {}", dialect, offset,
                message_of(error));
  }
  // A refusal (a machine without JIT) is no error: pcre2_match then interprets.
  static_cast<void>(pcre2_jit_compile(split.code_.get(), PCRE2_JIT_COMPLETE));
  split.context_.reset(pcre2_match_context_create(nullptr));
  SY_CHECK(split.context_ != nullptr);
  pcre2_set_match_limit(split.context_.get(), kMatchSteps);
  pcre2_set_heap_limit(split.context_.get(), kMatchHeapKib);
  return split;
}

PieceCursor::PieceCursor(const SplitPattern& pattern, std::string_view text)
    : pattern_(pattern),
      text_(text),
      data_(pcre2_match_data_create_from_pattern(pattern.code_.get(), nullptr)) {
  SY_CHECK(data_ != nullptr);
}

int PieceCursor::run(std::size_t from, std::uint32_t options) {
  return pcre2_match(pattern_.code_.get(), units(text_), text_.size(), from,
                     PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY | options, data_.get(),
                     pattern_.context_.get());
}

Result<PieceCursor::Span> PieceCursor::find_match(std::size_t from) {
  int code = run(from, 0);
  // The JIT's stack is small and fixed; the interpreter's memory has its own limit.
  if (code == PCRE2_ERROR_JIT_STACKLIMIT) code = run(from, PCRE2_NO_JIT);
  if (code == PCRE2_ERROR_NOMATCH) return Span{text_.size(), text_.size()};
  if (code < 0) {
    return fail(ErrorCode::kLimit, "splitting the text at byte {}: {}", from, message_of(code));
  }
  const PCRE2_SIZE* span = pcre2_get_ovector_pointer(data_.get());
  // \K may put the begin after the end or before `from`; to_pcre2_dialect() refuses it.
  SY_CHECK(from <= span[0] && span[0] < span[1] && span[1] <= text_.size());
  return Span{span[0], span[1]};
}

Result<bool> PieceCursor::next(std::string_view& piece) {
  if (at_ == text_.size()) return false;
  if (match_.end <= at_) {
    SY_ASSIGN(match_, find_match(at_));
  }
  const std::size_t end = match_.begin > at_ ? match_.begin : match_.end;
  piece = text_.substr(at_, end - at_);
  at_ = end;
  return true;
}

}  // namespace switchyard::model::bpe

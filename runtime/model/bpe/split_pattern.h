// runtime/model/bpe/split_pattern.h -- cuts text into pieces by a regular expression: the matches
// and what lies between them, in order ("isolated"). The expression runs in PCRE2 with Unicode
// classes; \s means Unicode's White_Space, as in the engines tokenizers were made with.
// Thread safety: SplitPattern: shared const objects: safe. PieceCursor: shared objects: unsafe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/error.h"

// PCRE2's own types, as its header declares them.
struct pcre2_real_code_8;
struct pcre2_real_match_context_8;
struct pcre2_real_match_data_8;

namespace switchyard::model::bpe {

class SplitPattern {
 public:
  // Errors: kBadInput with PCRE2's words and the offset, kUnsupported for \S, \w, \W, \d, \D, \b
  // or \B inside a class or anything else that would not mean the same in PCRE2.
  [[nodiscard]] static Result<SplitPattern> compile(std::string_view pattern);

 private:
  friend class PieceCursor;
  struct FreeCode {
    void operator()(pcre2_real_code_8* code) const noexcept;
  };
  struct FreeContext {
    void operator()(pcre2_real_match_context_8* context) const noexcept;
  };
  std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
  std::unique_ptr<pcre2_real_match_context_8, FreeContext> context_;
};

// Walks the pieces of one text. Pattern and text outlive the cursor.
class PieceCursor {
 public:
  // `text` is valid UTF-8.
  PieceCursor(const SplitPattern& pattern, std::string_view text);
  // The next piece, never empty; false at the end.
  // Errors: kLimit where the expression backtracks without end on this text.
  [[nodiscard]] Result<bool> next(std::string_view& piece);

 private:
  struct FreeMatch {
    void operator()(pcre2_real_match_data_8* match) const noexcept;
  };
  struct Span {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  // The first non-empty match at or after `from`; the empty span at the text's end if none is left.
  [[nodiscard]] Result<Span> find_match(std::size_t from);
  // pcre2_match with `options`: its return code.
  [[nodiscard]] int run(std::size_t from, std::uint32_t options);

  const SplitPattern& pattern_;
  std::string_view text_;
  std::size_t at_ = 0;  // the end of the last piece
  Span match_;          // found ahead of at_ when there was a gap before it
  std::unique_ptr<pcre2_real_match_data_8, FreeMatch> data_;
};

}  // namespace switchyard::model::bpe

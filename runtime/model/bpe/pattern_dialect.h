// runtime/model/bpe/pattern_dialect.h -- rewrites the regular expressions of tokenizer files for
// PCRE2. PCRE2's \s also takes U+180E, which Unicode 6.3 removed from White_Space: \s and \S are
// written out. Constructs that PCRE2 reads in its own way (callouts, verbs, recursion, \K ...) are
// refused. Thread safety: pure function.
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/error.h"

namespace switchyard::model::bpe {

// Errors: kUnsupported naming the construct and its byte offset.
[[nodiscard]] Result<std::string> to_pcre2_dialect(std::string_view pattern);

}  // namespace switchyard::model::bpe

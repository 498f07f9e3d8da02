#include "runtime/model/bpe/pattern_dialect.h"

namespace switchyard::model::bpe {
namespace {

// White_Space = U+0009..000D, U+0085 and the three Z categories (Unicode 15, PropList.txt).
constexpr std::string_view kSpaces = "\\t-\\r\\x{85}\\p{Z}";

// Escapes that mean the same in both dialects: classes by property, and literal characters.
constexpr std::string_view kSameLetters = "pPnrtfdD";

Unexpected unsupported(std::string_view pattern, std::size_t offset, std::size_t length) {
  return fail(ErrorCode::kUnsupported, "regular expression '{}', byte {}: '{}' is not supported",
              pattern, offset, pattern.substr(offset, length));
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

enum class Within { kExpression, kClass };

// Appends the two bytes `\` + `c`, rewritten where the dialects differ; false where unsupported.
bool append_escape(char c, Within within, std::string& out) {
  if (c == 's') {
    out += within == Within::kClass ? std::string(kSpaces) : "[" + std::string(kSpaces) + "]";
    return true;
  }
  if (c == 'S' && within == Within::kExpression) {
    out += "[^" + std::string(kSpaces) + "]";
    return true;
  }
  if (is_letter_or_digit(c) && kSameLetters.find(c) == std::string_view::npos) return false;
  out += '\\';
  out += c;
  return true;
}

// What may follow "(?": groups, look-around, atomic groups, and flags of case and layout.
bool group_is_plain(std::string_view rest) {
  for (const std::string_view opening :
       {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?i)"}) {
    if (rest.starts_with(opening)) return true;
  }
  return !rest.starts_with("(?") && !rest.starts_with("(*");
}

}  // namespace

Result<std::string> to_pcre2_dialect(std::string_view pattern) {
  std::string out;
  Within within = Within::kExpression;
  std::size_t class_begin = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      if (i + 1 == pattern.size() || !append_escape(pattern[i + 1], within, out)) {
        return unsupported(pattern, i, 2);
      }
      ++i;
      continue;
    }
    if (within == Within::kClass) {
      // Nested classes and && belong to one dialect, [:posix:] differs between them.
      if (c == '[' || pattern.substr(i).starts_with("&&")) return unsupported(pattern, i, 2);
      const bool first = i == class_begin + 1 || (i == class_begin + 2 && pattern[i - 1] == '^');
      if (c == ']' && first) return unsupported(pattern, i, 1);
      if (c == ']') within = Within::kExpression;
    } else if (c == '[') {
      within = Within::kClass;
      class_begin = i;
    } else if (c == '(' && !group_is_plain(pattern.substr(i))) {
      return unsupported(pattern, i, 3);
    } else if (c == '$' || c == '^') {
      return unsupported(pattern, i, 1);  // whether a line or the text ends there differs
    }
    out += c;
  }
  return out;
}

}  // namespace switchyard::model::bpe

#include "runtime/model/bpe/pattern_dialect.h"

namespace switchyard::model::bpe {
namespace {

// White_Space = U+0009..000D, U+0085 and the three Z categories (Unicode 15, PropList.txt).
constexpr std::string_view kSpaces = "\\t-\\r\\x{85}\\p{Z}";

// Escapes that mean the same in both dialects.
constexpr std::string_view kSameLetters = "nrtfdD";

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

// The length of a property (\p{Lu}, \pL) that names a general category; 0 for scripts and others:
// PCRE2 takes a script's extensions too, other engines do not.
std::size_t category_length(std::string_view rest) {
  constexpr std::size_t kEscape = 2;
  if (rest.size() > kEscape && rest[kEscape] != '{') {
    return is_letter_or_digit(rest[kEscape]) ? kEscape + 1 : 0;
  }
  const std::size_t close = rest.find('}');
  if (close == std::string_view::npos) return 0;
  const std::size_t name = close - kEscape - 1;
  return name == 1 || name == 2 ? close + 1 : 0;
}

// True where `\s` at `i` of a class is an end of a range: [a-\s] has no meaning to keep.
bool ends_a_range(std::string_view pattern, std::size_t i) {
  const bool after = i >= 2 && pattern[i - 1] == '-' && pattern[i - 2] != '[';
  const std::string_view rest = pattern.substr(i + 2);
  return after || (rest.starts_with('-') && !rest.starts_with("-]"));
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
      const std::string_view rest = pattern.substr(i);
      if (rest.starts_with("\\p") || rest.starts_with("\\P")) {
        const std::size_t length = category_length(rest);
        if (length == 0) return unsupported(pattern, i, rest.find('}'));
        out += rest.substr(0, length);
        i += length - 1;
        continue;
      }
      if (within == Within::kClass && rest.starts_with("\\s") && ends_a_range(pattern, i)) {
        return unsupported(pattern, i, 2);
      }
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

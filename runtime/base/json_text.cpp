#include "runtime/base/json_text.h"

#include <algorithm>

namespace switchyard {

std::string text_place(std::string_view text, std::size_t byte) {
  const std::size_t at = byte == 0 ? 0 : byte - 1;
  while (text.ends_with('\n')) text.remove_suffix(1);
  if (at >= text.size()) return "its end";
  const std::string_view before = text.substr(0, at);
  const auto line_begin = before.rfind('\n') + 1;  // of npos: 0
  const std::size_t column = at - line_begin + 1;
  if (text.find('\n') == std::string_view::npos) return fmt::format("column {}", column);
  return fmt::format("line {}, column {}", 1 + std::ranges::count(before, '\n'), column);
}

}  // namespace switchyard

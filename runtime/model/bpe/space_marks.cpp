#include "runtime/model/bpe/space_marks.h"

#include <fmt/format.h>

#include <charconv>

namespace switchyard::model::bpe {

std::string with_space_marks(std::string_view text, std::string_view front) {
  std::string marked(front);
  marked.reserve(front.size() + text.size() + text.size() / 2);
  for (const char c : text) {
    if (c == ' ') {
      marked += kSpaceMark;
    } else {
      marked += c;
    }
  }
  return marked;
}

std::string without_space_marks(std::string_view token) {
  std::string text;
  while (true) {
    const std::size_t mark = token.find(kSpaceMark);
    text += token.substr(0, mark);
    if (mark == std::string_view::npos) return text;
    text += ' ';
    token.remove_prefix(mark + kSpaceMark.size());
  }
}

std::optional<std::uint8_t> fallback_byte(std::string_view token) noexcept {
  if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with('>')) return std::nullopt;
  std::uint8_t byte = 0;
  const char* const end = token.data() + 5;
  const auto [stop, error] = std::from_chars(token.data() + 3, end, byte, 16);
  if (error != std::errc() || stop != end) return std::nullopt;
  return byte;
}

std::string fallback_token(std::uint8_t byte) { return fmt::format("<0x{:02X}>", byte); }

}  // namespace switchyard::model::bpe

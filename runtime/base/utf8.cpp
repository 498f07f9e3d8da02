#include "runtime/base/utf8.h"

#include <cstring>

namespace switchyard {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;

unsigned byte_at(std::string_view text, std::size_t i) noexcept {
  return static_cast<unsigned char>(text[i]);
}

// The offset of the first byte >= 0x80 at or after `i`, eight bytes at a time.
std::size_t skip_ascii(std::string_view text, std::size_t i) noexcept {
  while (i + sizeof(std::uint64_t) <= text.size()) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, sizeof word);
    if ((word & kHighBits) != 0) break;
    i += sizeof word;
  }
  while (i < text.size() && byte_at(text, i) < 0x80) ++i;
  return i;
}

}  // namespace

// Bounds of the second byte: table 3-7 of the Unicode standard.
std::size_t valid_sequence_bytes(std::string_view text, std::size_t offset) noexcept {
  const unsigned lead = byte_at(text, offset);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t length = sequence_bytes(static_cast<unsigned char>(lead));
  if (offset + length > text.size()) return 0;
  const unsigned second = byte_at(text, offset + 1);
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (second < low || second > high) return 0;
  for (std::size_t j = 2; j < length; ++j) {
    if ((byte_at(text, offset + j) & 0xC0) != 0x80) return 0;
  }
  return length;
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) noexcept {
  std::size_t i = skip_ascii(text, 0);
  while (i < text.size()) {
    const std::size_t length = valid_sequence_bytes(text, i);
    if (length == 0) return i;
    i = skip_ascii(text, i + length);
  }
  return std::nullopt;
}

std::string repaired_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (const auto bad = find_invalid_utf8(text)) {
    out.append(text.substr(0, *bad)).append("\xEF\xBF\xBD");
    text.remove_prefix(*bad + 1);
  }
  return out.append(text);
}

std::string_view front_of_utf8(std::string_view text, std::size_t bytes_max) noexcept {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (byte_at(text, end) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

bool is_ascii(std::string_view text) noexcept { return skip_ascii(text, 0) == text.size(); }

std::uint32_t next_code_point(std::string_view text, std::size_t& offset) noexcept {
  const unsigned lead = byte_at(text, offset);
  const std::size_t length = sequence_bytes(static_cast<unsigned char>(lead));
  // The lead keeps 7, 5, 4 or 3 bits of payload.
  std::uint32_t point = length == 1 ? lead : lead & (0x7FU >> length);
  for (std::size_t j = 1; j < length; ++j) {
    point = (point << 6) | (byte_at(text, offset + j) & 0x3FU);
  }
  offset += length;
  return point;
}

}  // namespace switchyard

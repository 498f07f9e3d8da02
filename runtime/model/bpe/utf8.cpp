#include "runtime/model/bpe/utf8.h"

#include <cstring>

namespace switchyard::model::bpe {
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

// The bytes of the valid sequence at `i` (its lead is >= 0x80), or 0. Bounds of the second byte:
// table 3-7 of the Unicode standard.
std::size_t valid_sequence(std::string_view text, std::size_t i) noexcept {
  const unsigned lead = byte_at(text, i);
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t length = sequence_bytes(static_cast<unsigned char>(lead));
  if (i + length > text.size()) return 0;
  const unsigned second = byte_at(text, i + 1);
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (second < low || second > high) return 0;
  for (std::size_t j = 2; j < length; ++j) {
    if ((byte_at(text, i + j) & 0xC0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

std::optional<std::size_t> find_invalid_utf8(std::string_view text) noexcept {
  std::size_t i = skip_ascii(text, 0);
  while (i < text.size()) {
    const std::size_t length = valid_sequence(text, i);
    if (length == 0) return i;
    i = skip_ascii(text, i + length);
  }
  return std::nullopt;
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

}  // namespace switchyard::model::bpe

// runtime/base/utf8.h -- checks and walks UTF-8 as RFC 3629 defines it: shortest forms only,
// no surrogates, nothing above U+10FFFF. Not a converter between encodings and not a normaliser.
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace switchyard {

// The byte offset of the first sequence that is not valid UTF-8; nothing where all of it is.
[[nodiscard]] std::optional<std::size_t> find_invalid_utf8(std::string_view text) noexcept;

// The bytes (1..4) of the valid sequence at `offset`, which is inside the text; 0: none starts
// there.
[[nodiscard]] std::size_t valid_sequence_bytes(std::string_view text, std::size_t offset) noexcept;

// The text with U+FFFD in place of each byte that belongs to no valid sequence.
[[nodiscard]] std::string repaired_utf8(std::string_view text);

// The longest front of a valid text that has at most `bytes_max` bytes and ends between two code
// points.
[[nodiscard]] std::string_view front_of_utf8(std::string_view text, std::size_t bytes_max) noexcept;

// True where every byte is below 0x80.
[[nodiscard]] bool is_ascii(std::string_view text) noexcept;

// The bytes (1..4) of the code point that starts with `lead`; `lead` starts a valid sequence.
[[nodiscard]] constexpr std::size_t sequence_bytes(unsigned char lead) noexcept {
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

// The code point at `offset` of a valid text; moves `offset` past it.
[[nodiscard]] std::uint32_t next_code_point(std::string_view text, std::size_t& offset) noexcept;

// True for the bytes that occur in valid UTF-8: all but 0xC0, 0xC1 and 0xF5..0xFF.
[[nodiscard]] constexpr bool occurs_in_utf8(unsigned byte) noexcept {
  return byte != 0xC0 && byte != 0xC1 && byte < 0xF5;
}

}  // namespace switchyard

// runtime/model/bpe/utf8.h -- checks and walks UTF-8 as RFC 3629 defines it: shortest forms only,
// no surrogates, nothing above U+10FFFF. Not a converter and not a normaliser (nfc.h).
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace switchyard::model::bpe {

// The byte offset of the first sequence that is not valid UTF-8; nothing where all of it is.
[[nodiscard]] std::optional<std::size_t> find_invalid_utf8(std::string_view text) noexcept;

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

}  // namespace switchyard::model::bpe

// runtime/model/bpe/space_marks.h -- how SentencePiece's vocabularies spell what is no letter: a
// space as U+2581, and a byte of a character that has no token as <0x0A>. The mark itself in a text
// reads as a space. Source: Kudo, Richardson 2018 (SentencePiece). Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace switchyard::model::bpe {

inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

// `front`, then the text with a mark in place of each space.
[[nodiscard]] std::string with_space_marks(std::string_view text, std::string_view front);
// The token with a space in place of each mark.
[[nodiscard]] std::string without_space_marks(std::string_view token);

// The byte that <0x0A> stands for; nothing where `token` has another form.
[[nodiscard]] std::optional<std::uint8_t> fallback_byte(std::string_view token) noexcept;
[[nodiscard]] std::string fallback_token(std::uint8_t byte);

}  // namespace switchyard::model::bpe

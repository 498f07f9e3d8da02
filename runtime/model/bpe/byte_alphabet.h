// runtime/model/bpe/byte_alphabet.h -- the printable character that byte-level vocabularies use for
// each byte: the byte itself where it is printable Latin-1, else U+0100, U+0101, ... in byte order
// (so a space is U+0120 and a line feed U+010A). Source: GPT-2's vocabulary (Radford et al. 2019).
// Thread safety: shared const objects: safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace switchyard::model::bpe {

class ByteAlphabet {
 public:
  ByteAlphabet();
  // The bytes that `symbols` (valid UTF-8) stands for; nothing where one is no byte's symbol.
  [[nodiscard]] std::optional<std::string> to_bytes(std::string_view symbols) const;
  // The symbol of a byte, in UTF-8.
  [[nodiscard]] std::string symbol(std::uint8_t byte) const;

 private:
  static constexpr std::size_t kSymbolEnd = 0x144;  // the last of the 68 moved bytes is U+0143
  std::array<std::uint16_t, 256> symbol_of_{};
  std::array<std::int16_t, kSymbolEnd> byte_of_{};  // -1: no byte's symbol
};

}  // namespace switchyard::model::bpe

#include "runtime/model/bpe/byte_alphabet.h"

#include "runtime/base/check.h"
#include "runtime/base/utf8.h"

namespace switchyard::model::bpe {
namespace {

// Printable Latin-1: no control, no space, no soft hyphen (0xAD).
constexpr bool stays_itself(unsigned byte) noexcept {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
}

}  // namespace

ByteAlphabet::ByteAlphabet() {
  byte_of_.fill(-1);
  std::uint16_t moved = 0x100;
  for (std::size_t byte = 0; byte < symbol_of_.size(); ++byte) {
    symbol_of_[byte] =
        stays_itself(static_cast<unsigned>(byte)) ? static_cast<std::uint16_t>(byte) : moved++;
    byte_of_[symbol_of_[byte]] = static_cast<std::int16_t>(byte);
  }
  SY_CHECK(moved == kSymbolEnd, "{} symbols", moved);
}

std::optional<std::string> ByteAlphabet::to_bytes(std::string_view symbols) const {
  std::string bytes;
  bytes.reserve(symbols.size());
  for (std::size_t i = 0; i < symbols.size();) {
    const std::uint32_t point = next_code_point(symbols, i);
    if (point >= byte_of_.size() || byte_of_[point] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte_of_[point]));
  }
  return bytes;
}

std::string ByteAlphabet::symbol(std::uint8_t byte) const {
  const std::uint16_t point = symbol_of_[byte];
  if (point < 0x80) return std::string(1, static_cast<char>(point));
  return {static_cast<char>(0xC0 | (point >> 6)), static_cast<char>(0x80 | (point & 0x3F))};
}

}  // namespace switchyard::model::bpe

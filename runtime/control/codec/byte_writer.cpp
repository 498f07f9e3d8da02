#include "runtime/control/codec/byte_writer.h"

#include <bit>

#include "runtime/base/utf8.h"

namespace switchyard::control {

void ByteWriter::operator()(const char* field, double value) {
  (*this)(field, std::bit_cast<std::uint64_t>(std::isfinite(value) ? value : 0.0));
}

void ByteWriter::operator()(const char* field, const std::string& text) {
  if (find_invalid_utf8(text)) return (*this)(field, repaired_utf8(text));
  (*this)(field, static_cast<std::uint32_t>(text.size()));
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  out_.insert(out_.end(), begin, begin + text.size());
}

void ByteWriter::operator()(const char* field, const std::vector<std::byte>& bytes) {
  (*this)(field, static_cast<std::uint32_t>(bytes.size()));
  out_.insert(out_.end(), bytes.begin(), bytes.end());
}

}  // namespace switchyard::control

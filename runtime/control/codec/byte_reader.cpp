#include "runtime/control/codec/byte_reader.h"

#include <bit>
#include <cmath>

#include "runtime/base/utf8.h"

namespace switchyard::control {

void ByteReader::refuse(const char* field, std::string_view why) {
  if (ok()) failure_ = fmt::format("field '{}' {}", field, why);
}

Bytes ByteReader::take(const char* field, std::size_t count) {
  if (!ok()) return {};
  if (count > left_.size()) {
    refuse(field, fmt::format("needs {} bytes and {} are left", count, left_.size()));
    return {};
  }
  const Bytes taken = left_.first(count);
  left_ = left_.subspan(count);
  return taken;
}

std::size_t ByteReader::take_count(const char* field, std::size_t max, std::size_t element_bytes) {
  std::uint32_t count = 0;
  (*this)(field, count);
  if (!ok()) return 0;
  if (count > max) {
    refuse(field, fmt::format("has {} elements; the limit is {}", count, max));
  } else if (count > left_.size() / element_bytes) {
    refuse(field, fmt::format("has {} elements and {} bytes are left", count, left_.size()));
  }
  return ok() ? count : 0;
}

void ByteReader::operator()(const char* field, bool& value) {
  std::uint8_t number = 0;
  (*this)(field, number);
  if (number > 1) refuse(field, "is neither 0 nor 1");
  if (ok()) value = number == 1;
}

void ByteReader::operator()(const char* field, double& value) {
  std::uint64_t bits = 0;
  (*this)(field, bits);
  const auto number = std::bit_cast<double>(bits);
  if (!std::isfinite(number)) refuse(field, "is not a finite number");
  if (ok()) value = number;
}

void ByteReader::operator()(const char* field, std::string& text) {
  const Bytes bytes = take(field, take_count(field, left_.size(), 1));
  const std::string_view found(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (const auto bad = find_invalid_utf8(found)) {
    return refuse(field, fmt::format("is not UTF-8 from byte {} on", *bad));
  }
  text = found;
}

void ByteReader::operator()(const char* field, std::vector<std::byte>& bytes) {
  const Bytes taken = take(field, take_count(field, left_.size(), 1));
  bytes.assign(taken.begin(), taken.end());
}

}  // namespace switchyard::control

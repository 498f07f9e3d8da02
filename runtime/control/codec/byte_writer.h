// runtime/control/codec/byte_writer.h -- writes the fields of a message: little-endian scalars, and
// a 32-bit count before everything that repeats. The twin of ByteReader: a fields() function runs
// with either. Not the frame around the body (codec.h).
// Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/base/ids.h"

namespace switchyard::control {

class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::byte>& out) : out_(out) {}

  template <class T>
  requires std::is_integral_v<T>
  void operator()(const char*, T value) {
    using Unsigned = std::make_unsigned_t<T>;
    const auto bits = static_cast<Unsigned>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      out_.push_back(static_cast<std::byte>((bits >> (8 * i)) & 0xFF));
    }
  }
  void operator()(const char* field, bool value) {
    (*this)(field, static_cast<std::uint8_t>(value ? 1 : 0));
  }
  // A measurement that is not a number is sent as 0: a reader refuses it, and one empty window
  // must not cost a rank its connection.
  void operator()(const char* field, double value);
  // Bytes that are no UTF-8 (a path in an error, a host's name) are sent as U+FFFD: a reader
  // refuses them, and a strange path must not cost a rank its connection either.
  void operator()(const char* field, const std::string& text);
  void operator()(const char* field, const std::vector<std::byte>& bytes);
  template <class Tag>
  void operator()(const char* field, StrongId<Tag> id) {
    (*this)(field, id.value());
  }

  // `max` is the reader's business.
  template <class E>
  void choice(const char* field, E value, E) {
    (*this)(field, static_cast<std::uint8_t>(value));
  }
  template <class T>
  void list(const char* field, const std::vector<T>& values, std::size_t) {
    (*this)(field, static_cast<std::uint32_t>(values.size()));
    for (const T& value : values) (*this)(field, value);
  }
  // `each(io, value)` writes one element.
  template <class T, class Each>
  void list(const char* field, const std::vector<T>& values, std::size_t, Each&& each) {
    (*this)(field, static_cast<std::uint32_t>(values.size()));
    for (const T& value : values) each(*this, value);
  }

 private:
  std::vector<std::byte>& out_;
};

}  // namespace switchyard::control

// runtime/control/codec/byte_reader.h -- reads the fields of a message from bytes that nobody
// vouches for. The first thing that is wrong stops it: the fields after it stay as they are, and
// failure() names the field. A count is believed only as far as the bytes that are left can hold
// that many elements, so nothing is allocated beyond the body's own size. The twin of ByteWriter.
// Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/ids.h"
#include "runtime/base/view.h"

namespace switchyard::control {

class ByteReader {
 public:
  explicit ByteReader(Bytes body) : left_(body) {}

  template <class T>
  requires std::is_integral_v<T>
  void operator()(const char* field, T& value) {
    const Bytes bytes = take(field, sizeof(T));
    if (bytes.empty()) return;
    using Unsigned = std::make_unsigned_t<T>;
    Unsigned bits = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      bits = static_cast<Unsigned>(bits | (std::to_integer<Unsigned>(bytes[i]) << (8 * i)));
    }
    value = static_cast<T>(bits);
  }
  void operator()(const char* field, bool& value);
  void operator()(const char* field, double& value);
  // Only UTF-8: what is read here ends up in JSON, logs and metrics.
  void operator()(const char* field, std::string& text);
  void operator()(const char* field, std::vector<std::byte>& bytes);
  template <class Tag>
  void operator()(const char* field, StrongId<Tag>& id) {
    std::uint32_t value = 0;
    (*this)(field, value);
    if (ok()) id = StrongId<Tag>(value);
  }

  // An enum of the values 0..last.
  template <class E>
  void choice(const char* field, E& value, E last) {
    std::uint8_t number = 0;
    (*this)(field, number);
    if (number > static_cast<std::uint8_t>(last)) refuse(field, "is an unknown choice");
    if (ok()) value = static_cast<E>(number);
  }
  // Scalars or ids, at most `max` of them.
  template <class T>
  void list(const char* field, std::vector<T>& values, std::size_t max) {
    const std::size_t count = take_count(field, max, sizeof(T));
    values.reserve(count);
    for (std::size_t i = 0; i < count && ok(); ++i) (*this)(field, values.emplace_back());
  }
  // `each(io, value)` reads one element; an element takes at least 4 bytes.
  template <class T, class Each>
  void list(const char* field, std::vector<T>& values, std::size_t max, Each&& each) {
    const std::size_t count = take_count(field, max, 4);
    for (std::size_t i = 0; i < count && ok(); ++i) each(*this, values.emplace_back());
  }

  // Marks the message as wrong; the first reason stands.
  void refuse(const char* field, std::string_view why);
  [[nodiscard]] bool ok() const noexcept { return failure_.empty(); }
  // "field 'held': ..."; empty while all is well.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
  [[nodiscard]] std::size_t bytes_left() const noexcept { return left_.size(); }

 private:
  // The next `count` bytes, or none after a failure.
  [[nodiscard]] Bytes take(const char* field, std::size_t count);
  [[nodiscard]] std::size_t take_count(const char* field, std::size_t max,
                                       std::size_t element_bytes);

  Bytes left_;
  std::string failure_;
};

}  // namespace switchyard::control

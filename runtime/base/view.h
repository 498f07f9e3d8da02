// runtime/base/view.h -- non-owning views of dense row-major matrices; copied by value.
// Not an owner (buffer.h). One-dimensional views are std::span.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "runtime/base/check.h"
#include "runtime/base/dtype.h"

namespace switchyard {

// [rows, cols] elements of T; `stride` elements from one row to the next.
template <class T>
class MatrixView {
 public:
  constexpr MatrixView() = default;
  constexpr MatrixView(T* data, std::size_t rows, std::size_t cols, std::size_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {}
  constexpr MatrixView(T* data, std::size_t rows, std::size_t cols)
      : MatrixView(data, rows, cols, cols) {}
  // A mutable view converts to a read-only one.
  template <class U>
  requires std::is_same_v<T, const U>
  constexpr MatrixView(MatrixView<U> other)  // NOLINT(google-explicit-constructor)
      : MatrixView(other.data(), other.rows(), other.cols(), other.stride()) {}

  [[nodiscard]] constexpr T* data() const noexcept { return data_; }
  [[nodiscard]] constexpr std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] constexpr std::size_t cols() const noexcept { return cols_; }
  [[nodiscard]] constexpr std::size_t stride() const noexcept { return stride_; }
  [[nodiscard]] constexpr bool empty() const noexcept { return rows_ == 0 || cols_ == 0; }
  [[nodiscard]] constexpr std::span<T> row(std::size_t r) const {
    SY_CHECK(r < rows_, "row {} of {}", r, rows_);
    return {data_ + r * stride_, cols_};
  }
  [[nodiscard]] constexpr MatrixView slice_rows(std::size_t begin, std::size_t count) const {
    SY_CHECK(begin + count <= rows_, "rows {}+{} of {}", begin, count, rows_);
    return {data_ + begin * stride_, count, cols_, stride_};
  }

 private:
  T* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t stride_ = 0;
};

// [rows, cols] elements whose type is known at run time (activations are fp32 or bf16).
// `stride` counts elements. Rows<const std::byte> is read-only, Rows<std::byte> is not.
template <class Byte>
struct BasicRows {
  Byte* data = nullptr;
  DType dtype = DType::kF32;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t stride = 0;

  [[nodiscard]] constexpr std::size_t row_bytes() const noexcept {
    return cols * size_bytes(dtype);
  }
  [[nodiscard]] constexpr Byte* row(std::size_t r) const noexcept {
    return data + r * stride * size_bytes(dtype);
  }
  [[nodiscard]] constexpr BasicRows slice_rows(std::size_t begin, std::size_t count) const {
    SY_CHECK(begin + count <= rows, "rows {}+{} of {}", begin, count, rows);
    return {row(begin), dtype, count, cols, stride};
  }
  // The matrix as T; the caller has checked the dtype.
  template <class T>
  [[nodiscard]] auto as() const {
    using Element = std::conditional_t<std::is_const_v<Byte>, const T, T>;
    SY_CHECK(sizeof(T) == size_bytes(dtype), "dtype {}", to_string(dtype));
    return MatrixView<Element>(reinterpret_cast<Element*>(data), rows, cols, stride);
  }
  // As a pointer to T goes for one to const T. NOLINTNEXTLINE(google-explicit-constructor)
  constexpr operator BasicRows<const std::byte>() const noexcept requires(!std::is_const_v<Byte>) {
    return {data, dtype, rows, cols, stride};
  }
};

using Rows = BasicRows<const std::byte>;
using MutableRows = BasicRows<std::byte>;

// A matrix of floats as rows of run-time type.
[[nodiscard]] inline Rows as_rows(MatrixView<const float> x) noexcept {
  return {reinterpret_cast<const std::byte*>(x.data()), DType::kF32, x.rows(), x.cols(),
          x.stride()};
}

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

}  // namespace switchyard

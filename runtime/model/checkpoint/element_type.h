// runtime/model/checkpoint/element_type.h -- the element types that a safetensors file may name.
// All of them are known so that sizes can be checked; only F32, F16 and BF16 are computed with.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "runtime/base/dtype.h"

namespace switchyard::model {

struct ElementType {
  std::string_view name;  // as in the file: "BF16"
  std::size_t bits = 0;
};

// The type of a name, nullptr for an unknown one. The object lives for ever.
[[nodiscard]] const ElementType* find_element_type(std::string_view name) noexcept;
// The name of a compute type in a file.
[[nodiscard]] const ElementType& element_type_of(DType dtype) noexcept;
// The compute type, or nothing for types that this runtime does not compute with.
[[nodiscard]] std::optional<DType> compute_type(const ElementType& type) noexcept;

}  // namespace switchyard::model

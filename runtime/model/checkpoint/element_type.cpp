#include "runtime/model/checkpoint/element_type.h"

#include <array>

#include "runtime/base/check.h"

namespace switchyard::model {
namespace {

constexpr std::array kTypes = {
    ElementType{"F32", 32},        ElementType{"F16", 16},        ElementType{"BF16", 16},
    ElementType{"BOOL", 8},        ElementType{"U8", 8},          ElementType{"I8", 8},
    ElementType{"F8_E4M3", 8},     ElementType{"F8_E5M2", 8},     ElementType{"F8_E8M0", 8},
    ElementType{"F8_E4M3FNUZ", 8}, ElementType{"F8_E5M2FNUZ", 8}, ElementType{"F4", 4},
    ElementType{"F6_E2M3", 6},     ElementType{"F6_E3M2", 6},     ElementType{"I16", 16},
    ElementType{"U16", 16},        ElementType{"I32", 32},        ElementType{"U32", 32},
    ElementType{"C64", 64},        ElementType{"F64", 64},        ElementType{"I64", 64},
    ElementType{"U64", 64},
};

}  // namespace

const ElementType* find_element_type(std::string_view name) noexcept {
  for (const ElementType& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

const ElementType& element_type_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::kF32: return kTypes[0];
    case DType::kF16: return kTypes[1];
    case DType::kBf16: return kTypes[2];
  }
  SY_CHECK(false, "dtype {}", static_cast<int>(dtype));
}

std::optional<DType> compute_type(const ElementType& type) noexcept {
  if (type.name == "F32") return DType::kF32;
  if (type.name == "F16") return DType::kF16;
  if (type.name == "BF16") return DType::kBf16;
  return std::nullopt;
}

}  // namespace switchyard::model

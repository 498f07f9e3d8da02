// runtime/model/checkpoint/safetensors_writer.h -- writes tensors to a safetensors file.
// To an OutputFile: under its name there is a complete file or none.
// Thread safety: safe for different paths.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/view.h"
#include "runtime/model/checkpoint/element_type.h"

namespace switchyard::model {

// A tensor of the caller's memory, row-major.
struct TensorToWrite {
  std::string name;
  const ElementType* type = nullptr;
  std::vector<std::size_t> shape;
  Bytes data;  // exactly the product of `shape` elements
};

[[nodiscard]] TensorToWrite fp32_tensor(std::string name, std::vector<std::size_t> shape,
                                        std::span<const float> values);

// Canonical order whatever the order given: wider element types first, then by name, so that every
// tensor is aligned and equal content gives equal files. Errors: kBadInput for a name that is used
// twice, reserved or not UTF-8; kIo naming the path (nothing is left behind).
[[nodiscard]] Result<void> write_safetensors(
    const std::string& path, std::vector<TensorToWrite> tensors,
    const std::map<std::string, std::string>& metadata = {});

}  // namespace switchyard::model

// Fuzzes the header parser of safetensors files: any bytes give a directory or an error, and every
// tensor of a directory lies inside the file.
#include <cstdint>
#include <cstdlib>

#include "runtime/model/checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const switchyard::Bytes file(reinterpret_cast<const std::byte*>(data), size);
  const auto directory = switchyard::model::parse_safetensors_header(file, size, "fuzz");
  if (!directory) return 0;
  for (const auto& tensor : directory->tensors()) {
    if (tensor.begin_offset > size || tensor.bytes > size - tensor.begin_offset) std::abort();
  }
  return 0;
}

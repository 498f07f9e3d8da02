// tests/command/spoilt_model.h -- copies of the shipped model in a scratch folder, to be spoilt.
// For tests only.
#pragma once

#include <cstddef>
#include <string>

#include "tests/command/run_command.h"

namespace switchyard::tests {

// A copy of the shipped model: the folder "model" of `scratch`.
[[nodiscard]] std::string model_copy(const ScratchFolder& scratch);
// Fills a bf16 tensor of the copy from element `first` on; `bf16` is two bytes, low one first.
void spoil_tensor(const ScratchFolder& scratch, const std::string& tensor, std::size_t first,
                  std::size_t count, const std::string& bf16);

}  // namespace switchyard::tests

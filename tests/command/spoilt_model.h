// tests/command/spoilt_model.h -- copies of the shipped model in a scratch folder, to be spoilt.
// For tests only.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "tests/command/run_command.h"

namespace switchyard::tests {

// A copy of the shipped model or of another one of this repository: the folder "model" of
// `scratch`.
[[nodiscard]] std::string model_copy(const ScratchFolder& scratch,
                                     const std::string& from = "configs/models/tiny-qwen3moe");
// Edits the JSON header of the copy's model.safetensors; the data stays as it is.
void edit_header(const ScratchFolder& scratch, const std::function<void(nlohmann::json&)>& edit);
// Fills a bf16 tensor of the copy from element `first` on; `bf16` is two bytes, low one first.
void spoil_tensor(const ScratchFolder& scratch, const std::string& tensor, std::size_t first,
                  std::size_t count, const std::string& bf16);

}  // namespace switchyard::tests

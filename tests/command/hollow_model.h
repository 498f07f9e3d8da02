// tests/command/hollow_model.h -- a checkpoint of some hundred MB whose weights are all zero: a
// file with a hole, which takes no room on the disk and is read like any other. For tests of
// memory. For tests only.
#pragma once

#include <cstddef>
#include <string>

#include "tests/command/run_command.h"

namespace switchyard::tests {

struct HollowModel {
  std::string path;              // the directory
  std::size_t router_bytes = 0;  // of the tensors that a router needs
  std::size_t expert_bytes = 0;  // of all experts
};

// A Qwen3-MoE of 2 layers and 32 experts, bf16, with the shipped model's tokenizer: about 310 MB
// for a router and 610 MB of experts.
[[nodiscard]] HollowModel make_hollow_model(const ScratchFolder& scratch);

}  // namespace switchyard::tests

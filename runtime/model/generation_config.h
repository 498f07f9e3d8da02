// runtime/model/generation_config.h -- the end tokens of a checkpoint's generation_config.json. Not
// its sampling: temperature, top-k and top-p are the user's flags alone, so that the same command
// is greedy on every model. Thread safety: distinct objects: safe; shared const objects: safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"

namespace switchyard::model {

struct GenerationConfig {
  std::vector<std::uint32_t> eos_tokens;
};

// Errors: kBadInput, kLimit naming place and key.
[[nodiscard]] Result<GenerationConfig> parse_generation_config(std::string_view json,
                                                               std::string_view place);
// directory/generation_config.json; the defaults where there is no such file. Errors: as above,
// kIo.
[[nodiscard]] Result<GenerationConfig> read_generation_config(const std::string& directory);

}  // namespace switchyard::model

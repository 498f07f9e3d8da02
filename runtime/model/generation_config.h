// runtime/model/generation_config.h -- what a checkpoint's generation_config.json recommends.
// Defaults for sampling and the end tokens; the user's flags override them elsewhere.
// Thread safety: distinct objects: safe; shared const objects: safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"

namespace switchyard::model {

struct GenerationConfig {
  std::vector<std::uint32_t> eos_tokens;
  bool sample = false;       // do_sample; false: greedy
  float temperature = 1.0F;  // >= 0; 0: greedy
  std::size_t top_k = 0;     // 0: off
  float top_p = 1.0F;        // (0, 1]; 1: off
};

// Errors: kBadInput, kLimit naming place and key.
[[nodiscard]] Result<GenerationConfig> parse_generation_config(std::string_view json,
                                                               std::string_view place);
// directory/generation_config.json; the defaults where there is no such file. Errors: as above,
// kIo.
[[nodiscard]] Result<GenerationConfig> read_generation_config(const std::string& directory);

}  // namespace switchyard::model

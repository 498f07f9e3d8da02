// runtime/engine/step_times.h -- wall time and tokens of the steps of one router.
// A step with prompt rows counts as prompt, any other as decode. Plain values.
#pragma once

#include <cstdint>

namespace switchyard::engine {

struct StepTimes {
  double prompt_seconds = 0;
  double decode_seconds = 0;
  std::uint64_t prompt_tokens = 0;  // rows of prompt steps
  std::uint64_t decode_tokens = 0;  // rows of decode steps: one token of one sequence each
  std::uint64_t steps = 0;
};

}  // namespace switchyard::engine

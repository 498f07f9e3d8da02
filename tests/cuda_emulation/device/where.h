// tests/cuda_emulation/device/where.h -- a place in the sources, as std::source_location, which
// clang 14 does not have yet. As a default argument, current() is the place of the call.
#pragma once

namespace cuda_emulation {

struct Where {
  const char* file = "";
  int line = 0;

  static constexpr Where current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

}  // namespace cuda_emulation

// tests/cuda_emulation/device/where.h -- a place in the sources, as std::source_location, which
// clang 14 does not have yet. As a default argument, current() is the place of the call.
#pragma once

namespace cuda_emulation {

struct Where {
  const char* file = "";
  int line = 0;

  static constexpr Where current(const char* in_file = __builtin_FILE(),
                                 int at_line = __builtin_LINE()) {
    return {in_file, at_line};
  }
};

}  // namespace cuda_emulation

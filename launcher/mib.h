// launcher/mib.h -- bytes as people read them in reports. Not the limits of the configuration,
// whose keys end in `_mib`. Thread safety: pure function.
#pragma once

#include <cstdint>

namespace switchyard::launcher {

[[nodiscard]] constexpr double mib(std::uint64_t bytes) noexcept {
  return static_cast<double>(bytes) / (1024.0 * 1024.0);
}

}  // namespace switchyard::launcher

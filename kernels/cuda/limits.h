// kernels/cuda/limits.h -- how long the device is waited for, and how much is staged at a time.
// Thread safety: constants.
#pragma once

#include <cstddef>

#include "runtime/base/clock.h"

namespace switchyard::kernels::cuda {

inline constexpr Duration kDeviceWaitMax{60'000'000'000};
inline constexpr std::size_t kTableBytes = std::size_t{1} << 20;
inline constexpr std::size_t kPackBytes = std::size_t{32}
                                          << 20;  // of a checkpoint's rows at a time

}  // namespace switchyard::kernels::cuda

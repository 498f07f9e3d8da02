// kernels/cuda/limits.h -- how long the device is waited for, and how much is staged at a time.
// Thread safety: constants.
#pragma once

#include <cstddef>

#include "runtime/base/clock.h"

namespace switchyard::kernels::cuda {

inline constexpr Duration kDeviceWaitMax{60'000'000'000};
inline constexpr std::size_t kTableBytes = std::size_t{1} << 20;
// Query rows times segments of a context that one attention op cuts for itself: 32k positions of
// sixteen sequences with 32 heads, or 64 tokens of one at 8k. Beyond that a block of threads walks
// all segments. 520 bytes each for a head of 128.
inline constexpr std::size_t kPartialRows = 65536;
// Fewer rows of one matrix are never a library's.
inline constexpr std::size_t kLibraryRowsMin = 64;
// Rows of a library's SwiGLU that wait in fp32 at a time.
inline constexpr std::size_t kLibraryChunkRows = 4096;
inline constexpr std::size_t kPackBytes = std::size_t{32}
                                          << 20;  // of a checkpoint's rows at a time

}  // namespace switchyard::kernels::cuda

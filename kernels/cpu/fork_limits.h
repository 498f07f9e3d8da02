// kernels/cpu/fork_limits.h -- how much work is worth waking the other threads for. A fork and join
// costs one to two microseconds; below these sizes one thread is done before that.
#pragma once

#include <cstddef>

namespace switchyard::kernels::cpu {

// Bytes of weights (or keys and values) read, counted once per register tile of rows.
inline constexpr std::size_t kForkStreamBytesMin = std::size_t{96} << 10;
// Bytes of activations an elementwise op touches.
inline constexpr std::size_t kForkRowBytesMin = std::size_t{192} << 10;

}  // namespace switchyard::kernels::cpu

// tests/unit/control/counted_allocations.h -- how many pieces of memory the calling thread has
// asked for: a measure of work that no clock and no other process disturbs. The whole test binary
// counts (operator new is replaced in the .cpp). Thread safety: a count for each thread.
#pragma once

#include <cstdint>

namespace switchyard::control {

[[nodiscard]] std::uint64_t allocations_so_far() noexcept;

}  // namespace switchyard::control

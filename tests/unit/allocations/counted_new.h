// tests/unit/allocations/counted_new.h -- how often this program has allocated. Linking
// counted_new.cpp replaces operator new of the whole program, so only binaries of their own do.
// Not counted: malloc of C libraries, and the big buffers that a device maps.
// Thread safety: all functions, from any thread.
#pragma once

#include <cstdint>

namespace switchyard::tests {

// Of all threads since the program began.
[[nodiscard]] std::uint64_t allocations() noexcept;

// From now on the first few allocations print where they come from (addr2line or gdb names them):
// to find what a failing test has counted.
void show_allocations(std::uint64_t count) noexcept;

}  // namespace switchyard::tests

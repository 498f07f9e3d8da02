#include "tests/unit/control/counted_allocations.h"

#include <cstdlib>
#include <new>

namespace switchyard::control {
namespace {

thread_local std::uint64_t count = 0;

}  // namespace

std::uint64_t allocations_so_far() noexcept { return count; }

void* try_allocate_counted(std::size_t bytes) noexcept {
  ++count;
  return std::malloc(bytes == 0 ? 1 : bytes);
}

void* allocate_counted(std::size_t bytes) {
  if (void* piece = try_allocate_counted(bytes)) return piece;
  throw std::bad_alloc();
}

}  // namespace switchyard::control

void* operator new(std::size_t bytes) { return switchyard::control::allocate_counted(bytes); }
// std::stable_sort takes its buffer by this one.
void* operator new(std::size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
  return switchyard::control::try_allocate_counted(bytes);
}
void operator delete(void* piece) noexcept { std::free(piece); }
void operator delete(void* piece, std::size_t) noexcept { std::free(piece); }

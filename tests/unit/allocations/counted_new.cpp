#include "tests/unit/allocations/counted_new.h"

#include <execinfo.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace switchyard::tests {
namespace {

std::atomic<std::uint64_t>& counter() noexcept {
  static std::atomic<std::uint64_t> count{0};
  return count;
}

std::atomic<std::int64_t>& to_show() noexcept {
  static std::atomic<std::int64_t> count{0};
  return count;
}

void show() noexcept {
  if (to_show().load(std::memory_order_relaxed) <= 0) return;
  if (to_show().fetch_sub(1, std::memory_order_relaxed) <= 0) return;
  constexpr int kFramesMax = 24;
  void* frames[kFramesMax];
  ::backtrace_symbols_fd(frames, ::backtrace(frames, kFramesMax), STDERR_FILENO);
  (void)!::write(STDERR_FILENO, "\n", 1);
}

void* allocate(std::size_t bytes, std::size_t alignment) {
  counter().fetch_add(1, std::memory_order_relaxed);
  show();
  const std::size_t units = (bytes + alignment - 1) / alignment;
  void* memory = std::aligned_alloc(alignment, (units == 0 ? 1 : units) * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

std::uint64_t allocations() noexcept { return counter().load(std::memory_order_relaxed); }

void show_allocations(std::uint64_t count) noexcept {
  to_show().store(static_cast<std::int64_t>(count), std::memory_order_relaxed);
}

}  // namespace switchyard::tests

// Array forms call these. So would the nothrow form, but not the address sanitizer's own.
void* operator new(std::size_t bytes) {
  return switchyard::tests::allocate(bytes, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new(std::size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
  try {
    return switchyard::tests::allocate(bytes, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* memory, const std::nothrow_t& /*tag*/) noexcept { std::free(memory); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return switchyard::tests::allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*bytes*/) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*bytes*/, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}

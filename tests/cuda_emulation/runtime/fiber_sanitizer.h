// tests/cuda_emulation/runtime/fiber_sanitizer.h -- tells the address and thread sanitizers about a
// switch of stacks; nothing in builds without them.
#pragma once

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CUDA_EMULATION_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define CUDA_EMULATION_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define CUDA_EMULATION_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define CUDA_EMULATION_TSAN 1
#endif

#if defined(CUDA_EMULATION_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(CUDA_EMULATION_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace cuda_emulation::sanitizer {

// Before leaving this stack for the one given.
inline void leave([[maybe_unused]] void** keep, [[maybe_unused]] const void* stack,
                  [[maybe_unused]] std::size_t bytes, [[maybe_unused]] void* fiber) {
#if defined(CUDA_EMULATION_ASAN)
  __sanitizer_start_switch_fiber(keep, stack, bytes);
#endif
#if defined(CUDA_EMULATION_TSAN)
  __tsan_switch_to_fiber(fiber, 0);
#endif
}

// After arriving on a stack; says where one came from.
inline void arrive([[maybe_unused]] void* kept, [[maybe_unused]] const void** from_stack,
                   [[maybe_unused]] std::size_t* from_bytes) {
#if defined(CUDA_EMULATION_ASAN)
  __sanitizer_finish_switch_fiber(kept, from_stack, from_bytes);
#endif
}

// The frames on a stack will not be left one by one.
inline void forget([[maybe_unused]] const void* stack, [[maybe_unused]] std::size_t bytes) {
#if defined(CUDA_EMULATION_ASAN)
  __asan_unpoison_memory_region(stack, bytes);
#endif
}

inline void* make_fiber() {
#if defined(CUDA_EMULATION_TSAN)
  return __tsan_create_fiber(0);
#else
  return nullptr;
#endif
}

inline void* current_fiber() {
#if defined(CUDA_EMULATION_TSAN)
  return __tsan_get_current_fiber();
#else
  return nullptr;
#endif
}

}  // namespace cuda_emulation::sanitizer

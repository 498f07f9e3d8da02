// tests/cuda_emulation/runtime/pinned_memory.h -- page-locked host memory: what cudaHostAlloc gave
// out and what cudaHostRegister made known. Everything else is pageable. Callers hold the engine's
// lock.
#pragma once

#include <cstddef>
#include <map>

namespace cuda_emulation {

class PinnedMemory {
 public:
  // Fresh bytes are 0xFF; an inaccessible page lies on both sides. Null when there is no memory.
  [[nodiscard]] std::byte* allocate(std::size_t bytes);
  [[nodiscard]] bool release(const void* begin);           // false: not ours
  [[nodiscard]] bool add(void* begin, std::size_t bytes);  // false: overlaps
  [[nodiscard]] bool remove(const void* begin);            // false: was not added
  [[nodiscard]] bool holds(const void* address, std::size_t bytes = 1) const;
  // Whether any byte of the range is pinned.
  [[nodiscard]] bool touches(const void* address, std::size_t bytes) const;
  void release_all();

 private:
  struct Range {
    std::size_t bytes = 0;
    std::byte* mapping = nullptr;  // null: the caller's memory
    std::size_t mapping_bytes = 0;
  };
  [[nodiscard]] const std::pair<const std::byte* const, Range>* at_or_before(
      const void* address) const;

  std::map<const std::byte*, Range> ranges_;
};

}  // namespace cuda_emulation

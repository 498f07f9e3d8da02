#include "tests/cuda_emulation/runtime/pinned_memory.h"

#include <sys/mman.h>

#include <cstring>

#include "tests/cuda_emulation/runtime/device_memory.h"

namespace cuda_emulation {
namespace {
constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kAlignment = 256;
}  // namespace

std::byte* PinnedMemory::allocate(std::size_t bytes) {
  const std::size_t padded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const std::size_t inner = (padded + kPageBytes - 1) / kPageBytes * kPageBytes;
  void* mapping = mmap(nullptr, inner + 2 * kPageBytes, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  auto* pages = static_cast<std::byte*>(mapping) + kPageBytes;
  if (mprotect(pages, inner, PROT_READ | PROT_WRITE) != 0) return nullptr;
  std::memset(pages, kFreshByte, inner);
  std::byte* begin = pages + (inner - padded);
  ranges_[begin] = {bytes, static_cast<std::byte*>(mapping), inner + 2 * kPageBytes};
  return begin;
}

bool PinnedMemory::release(const void* begin) {
  const auto found = ranges_.find(static_cast<const std::byte*>(begin));
  if (found == ranges_.end() || found->second.mapping == nullptr) return false;
  munmap(found->second.mapping, found->second.mapping_bytes);
  ranges_.erase(found);
  return true;
}

bool PinnedMemory::add(void* begin, std::size_t bytes) {
  if (touches(begin, bytes)) return false;
  ranges_[static_cast<std::byte*>(begin)] = {bytes, nullptr, 0};
  return true;
}

bool PinnedMemory::remove(const void* begin) {
  const auto found = ranges_.find(static_cast<const std::byte*>(begin));
  if (found == ranges_.end() || found->second.mapping != nullptr) return false;
  ranges_.erase(found);
  return true;
}

const std::pair<const std::byte* const, PinnedMemory::Range>* PinnedMemory::at_or_before(
    const void* address) const {
  const auto after = ranges_.upper_bound(static_cast<const std::byte*>(address));
  return after == ranges_.begin() ? nullptr : &*std::prev(after);
}

bool PinnedMemory::holds(const void* address, std::size_t bytes) const {
  const auto* range = at_or_before(address);
  if (range == nullptr) return false;
  const auto offset =
      static_cast<std::size_t>(static_cast<const std::byte*>(address) - range->first);
  return offset < range->second.bytes && bytes <= range->second.bytes - offset;
}

bool PinnedMemory::touches(const void* address, std::size_t bytes) const {
  if (holds(address)) return true;
  const auto* begin = static_cast<const std::byte*>(address);
  const auto next = ranges_.lower_bound(begin);
  return next != ranges_.end() && next->first < begin + bytes;
}

void PinnedMemory::release_all() {
  for (auto& [begin, range] : ranges_) {
    if (range.mapping != nullptr) munmap(range.mapping, range.mapping_bytes);
  }
  ranges_.clear();
}

}  // namespace cuda_emulation

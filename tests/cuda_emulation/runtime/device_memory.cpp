#include "tests/cuda_emulation/runtime/device_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace cuda_emulation {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kAlignment = 256;  // what cudaMalloc promises

constexpr std::size_t round_up(std::size_t bytes, std::size_t to) {
  return (bytes + to - 1) / to * to;
}

std::string name_of(const Allocation& allocation) {
  return fmt::format("allocation {} ({} bytes, device {})", allocation.number, allocation.bytes,
                     allocation.device);
}

}  // namespace

DeviceMemory::DeviceMemory() {
  void* range =
      mmap(nullptr, kReservedBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) {
    std::perror("cuda_emulation: no addresses for device memory");
    std::abort();
  }
  base_ = static_cast<std::byte*>(range);
  next_ = base_ + kPageBytes;
}

DeviceMemory::~DeviceMemory() { munmap(base_, kReservedBytes); }

std::byte* DeviceMemory::allocate(std::size_t bytes, int device) {
  const std::size_t padded = round_up(bytes, kAlignment);
  const std::size_t mapped = round_up(padded, kPageBytes);
  if (bytes > limit_bytes_ || in_use_bytes_ + padded > limit_bytes_) return nullptr;
  if (next_ + mapped + kPageBytes > base_ + kReservedBytes) return nullptr;
  if (mprotect(next_, mapped, PROT_READ | PROT_WRITE) != 0) return nullptr;
  std::memset(next_, kFreshByte, mapped);
  mprotect(next_, mapped, PROT_NONE);
  // The end lies against the inaccessible page, as near as the alignment lets it.
  std::byte* begin = next_ + (mapped - padded);
  // A signal handler adds to opened_, so there is always room.
  if (opened_.capacity() <= live_.size()) opened_.reserve(2 * live_.size() + 64);
  live_[begin] = {begin, bytes, mapped, device, allocations_++, false, false};
  in_use_bytes_ += padded;
  next_ += mapped + kPageBytes;
  return begin;
}

Allocation* DeviceMemory::find(const void* address, std::size_t bytes) {
  const auto* byte = static_cast<const std::byte*>(address);
  auto after = live_.upper_bound(byte);
  if (after == live_.begin()) return nullptr;
  Allocation& allocation = std::prev(after)->second;
  const auto offset = static_cast<std::size_t>(byte - allocation.begin);
  return offset < allocation.bytes && bytes <= allocation.bytes - offset ? &allocation : nullptr;
}

Allocation* DeviceMemory::find_padded(const void* address) {
  const auto* byte = static_cast<const std::byte*>(address);
  const auto holds = [byte](const Allocation& allocation) {
    const std::byte* end = allocation.begin + round_up(allocation.bytes, kAlignment);
    return byte >= end - allocation.mapped_bytes && byte < end;
  };
  auto after = live_.upper_bound(byte);
  if (after != live_.end() && holds(after->second)) return &after->second;
  if (after == live_.begin()) return nullptr;
  Allocation& allocation = std::prev(after)->second;
  return holds(allocation) ? &allocation : nullptr;
}

Allocation* DeviceMemory::starting_at(const void* address) {
  const auto found = live_.find(static_cast<const std::byte*>(address));
  return found == live_.end() ? nullptr : &found->second;
}

std::string DeviceMemory::overrun_of(const Allocation& allocation) {
  const std::size_t padded = round_up(allocation.bytes, kAlignment);
  const auto* begin = reinterpret_cast<const unsigned char*>(allocation.begin);
  const auto written = [](unsigned char byte) { return byte != kFreshByte; };
  const auto* at = std::find_if(begin - (allocation.mapped_bytes - padded), begin, written);
  if (at == begin) at = std::find_if(begin + allocation.bytes, begin + padded, written);
  if (at == begin + padded) return {};
  return fmt::format("a kernel wrote at byte {} of {}", at - begin, name_of(allocation));
}

std::string DeviceMemory::overrun() const {
  for (const Allocation* allocation : opened_) {
    if (std::string text = overrun_of(*allocation); !text.empty()) return text;
  }
  return {};
}

void DeviceMemory::release(Allocation& allocation) {
  std::erase(opened_, &allocation);
  const std::size_t padded = round_up(allocation.bytes, kAlignment);
  std::byte* pages = allocation.begin - (allocation.mapped_bytes - padded);
  // A fresh inaccessible mapping drops the pages' memory.
  mmap(pages, allocation.mapped_bytes, PROT_NONE,
       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  in_use_bytes_ -= padded;
  if (freed_.size() == kFreedKept) freed_.erase(freed_.begin());
  freed_[allocation.begin] = allocation;
  live_.erase(allocation.begin);
}

void DeviceMemory::release_all(int device) {
  std::vector<Allocation*> gone;
  for (auto& [begin, allocation] : live_) {
    if (allocation.device == device) gone.push_back(&allocation);
  }
  for (Allocation* allocation : gone) release(*allocation);
}

void DeviceMemory::open(Allocation& allocation) {
  if (allocation.open) return;
  const std::size_t padded = round_up(allocation.bytes, kAlignment);
  std::byte* pages = allocation.begin - (allocation.mapped_bytes - padded);
  mprotect(pages, allocation.mapped_bytes, PROT_READ | PROT_WRITE);
  allocation.open = true;
  opened_.push_back(&allocation);
}

void DeviceMemory::close_all() {
  for (Allocation* allocation : opened_) {
    const std::size_t padded = round_up(allocation->bytes, kAlignment);
    mprotect(allocation->begin - (allocation->mapped_bytes - padded), allocation->mapped_bytes,
             PROT_NONE);
    allocation->open = false;
  }
  opened_.clear();
}

std::string DeviceMemory::describe(const void* address) const {
  const auto* byte = static_cast<const std::byte*>(address);
  const auto near = [byte](const auto& allocations) -> const Allocation* {
    auto after = allocations.upper_bound(byte);
    return after == allocations.begin() ? nullptr : &std::prev(after)->second;
  };
  const Allocation* before = near(live_);
  const Allocation* freed = near(freed_);
  if (freed != nullptr && byte < freed->begin + freed->bytes) {
    return fmt::format("byte {} of {}, which was freed", byte - freed->begin, name_of(*freed));
  }
  if (before != nullptr && byte < before->begin + before->bytes) {
    return fmt::format("byte {} of {}", byte - before->begin, name_of(*before));
  }
  const auto after = live_.upper_bound(byte);
  if (after != live_.end() &&
      (before == nullptr || after->first - byte < byte - (before->begin + before->bytes))) {
    return fmt::format("{} bytes before {}", after->first - byte, name_of(after->second));
  }
  if (before == nullptr) return fmt::format("address {}", address);
  return fmt::format("{} bytes behind the end of {}", byte - (before->begin + before->bytes),
                     name_of(*before));
}

}  // namespace cuda_emulation

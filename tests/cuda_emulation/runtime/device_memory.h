// tests/cuda_emulation/runtime/device_memory.h -- the memory of the emulated devices.
// One large reserved range of addresses, handed out once each, with an inaccessible page between
// allocations. All of it is inaccessible except inside an AccessWindow (access_window.h), where an
// allocation opens at its first touch. Fresh bytes and the slack up to the 256-byte alignment are
// 0xFF. Callers hold the engine's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cuda_emulation {

inline constexpr unsigned char kFreshByte = 0xff;

struct Allocation {
  std::byte* begin = nullptr;
  std::size_t bytes = 0;         // asked for
  std::size_t mapped_bytes = 0;  // whole pages; begin + padded size ends where they end
  int device = 0;
  std::uint64_t number = 0;  // the how many-th of this process
  bool open = false;
  bool for_nccl = false;  // of ncclMemAlloc, whose own call frees it
};

class DeviceMemory {
 public:
  DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory();

  [[nodiscard]] bool covers(const void* address) const {  // whether or not anything is there
    const auto* byte = static_cast<const std::byte*>(address);
    return byte >= base_ && byte < base_ + kReservedBytes;
  }
  // Null when the limit is reached.
  [[nodiscard]] std::byte* allocate(std::size_t bytes, int device);
  // The live allocation that holds [address, address + bytes), or null.
  [[nodiscard]] Allocation* find(const void* address, std::size_t bytes = 1);
  // The one whose pages hold the address, slack included.
  [[nodiscard]] Allocation* find_padded(const void* address);
  [[nodiscard]] Allocation* starting_at(const void* address);
  // Gives the memory back; the addresses stay dead.
  void release(Allocation& allocation);
  // Names a write just outside of one of the open allocations, where no page ends; empty when there
  // was none.
  [[nodiscard]] std::string overrun() const;

  // Makes an allocation accessible until close_all(); safe in a signal handler.
  void open(Allocation& allocation);
  void close_all();

  // "16 bytes behind the end of allocation 7 (1024 bytes, device 0)": what an address is near to.
  [[nodiscard]] std::string describe(const void* address) const;

  void set_limit(std::size_t bytes) { limit_bytes_ = bytes; }
  [[nodiscard]] std::size_t limit() const { return limit_bytes_; }
  [[nodiscard]] std::size_t in_use() const { return in_use_bytes_; }
  void release_all(int device);

 private:
  static constexpr std::size_t kReservedBytes = std::size_t{1} << 40;
  static constexpr std::size_t kFreedKept = 1024;

  [[nodiscard]] static std::string overrun_of(const Allocation& allocation);

  std::byte* base_ = nullptr;
  std::byte* next_ = nullptr;
  std::map<const std::byte*, Allocation> live_;
  std::map<const std::byte*, Allocation> freed_;
  std::vector<Allocation*> opened_;
  std::size_t limit_bytes_ = std::size_t{4} << 30;
  std::size_t in_use_bytes_ = 0;
  std::uint64_t allocations_ = 0;
};

}  // namespace cuda_emulation

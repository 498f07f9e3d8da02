// tests/unit/net/faulty_disk.h -- a disk that refuses one call, or on which the process dies at
// one: half of that write is done, and nothing after it is. Thread safety: shared objects: unsafe.
#pragma once

#include <cerrno>
#include <cstddef>
#include <limits>

#include "runtime/net/disk.h"

namespace switchyard::net {

class FaultyDisk final : public Disk {
 public:
  static constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

  // The calls are counted from 0, from now on.
  void refuse(std::size_t from, std::size_t count = 1) {
    calls_ = 0;
    refuse_from_ = from;
    refuse_to_ = count > kNever - from ? kNever : from + count;
  }
  void die_at(std::size_t call) {
    calls_ = 0;
    die_at_ = call;
  }
  void heal() { refuse_from_ = refuse_to_ = die_at_ = kNever; }
  [[nodiscard]] std::size_t calls() const noexcept { return calls_; }
  [[nodiscard]] bool died() const noexcept { return calls_ > die_at_; }

  int open(const char* path, int flags, mode_t mode) override {
    return refused() ? -1 : Disk::open(path, flags, mode);
  }
  ssize_t write(int descriptor, const void* data, std::size_t size) override {
    const bool last = calls_ == die_at_;
    if (!refused()) return Disk::write(descriptor, data, size);
    if (last && size > 1) (void)Disk::write(descriptor, data, size / 2);
    return -1;
  }
  int truncate(int descriptor, off_t size) override {
    return refused() ? -1 : Disk::truncate(descriptor, size);
  }
  int sync(int descriptor) override { return refused() ? -1 : Disk::sync(descriptor); }
  int rename(const char* from, const char* to) override {
    return refused() ? -1 : Disk::rename(from, to);
  }
  int remove(const char* path) override { return refused() ? -1 : Disk::remove(path); }

 private:
  bool refused() {
    const std::size_t call = calls_++;
    errno = ENOSPC;
    return call >= die_at_ || (call >= refuse_from_ && call < refuse_to_);
  }

  std::size_t calls_ = 0;
  std::size_t refuse_from_ = kNever;
  std::size_t refuse_to_ = kNever;
  std::size_t die_at_ = kNever;
};

}  // namespace switchyard::net

// runtime/net/disk.h -- the calls by which a journal changes what is on disk, so that tests can let
// each of them fail or be the last one before a crash. Not files in general. As the calls of the
// system of the same names: a failure is a negative result and errno.
// Thread safety: no state here; as whoever derives.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace switchyard::net {

class Disk {
 public:
  virtual ~Disk() = default;
  virtual int open(const char* path, int flags, mode_t mode);
  virtual ssize_t write(int descriptor, const void* data, std::size_t size);
  virtual int truncate(int descriptor, off_t size);
  virtual int sync(int descriptor);
  virtual int rename(const char* from, const char* to);
  virtual int remove(const char* path);

  // The system itself.
  [[nodiscard]] static Disk& real();
};

}  // namespace switchyard::net

#include "runtime/net/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

namespace switchyard::net {

int Disk::open(const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); }
ssize_t Disk::write(int descriptor, const void* data, std::size_t size) {
  return ::write(descriptor, data, size);
}
int Disk::truncate(int descriptor, off_t size) { return ::ftruncate(descriptor, size); }
int Disk::sync(int descriptor) { return ::fsync(descriptor); }
int Disk::rename(const char* from, const char* to) { return std::rename(from, to); }
int Disk::remove(const char* path) { return ::unlink(path); }

Disk& Disk::real() {
  static Disk disk;
  return disk;
}

}  // namespace switchyard::net

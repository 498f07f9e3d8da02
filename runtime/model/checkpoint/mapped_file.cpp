#include "runtime/model/checkpoint/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace switchyard::model {
namespace {

std::string system_text(int number) { return std::generic_category().message(number); }

Unexpected system_failure(const std::string& path, int number) {
  const bool missing = number == ENOENT || number == ENOTDIR;
  return fail(missing ? ErrorCode::kNotFound : ErrorCode::kIo, "{}: {}", path, system_text(number));
}

}  // namespace

Result<OpenFile> OpenFile::open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not hang; it has no effect on regular files.
  OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.descriptor_ < 0) return system_failure(path, errno);
  struct stat status {};
  if (::fstat(file.descriptor_, &status) != 0) return system_failure(path, errno);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kIo, "{}: not a regular file", path);
  return file;
}

OpenFile::~OpenFile() {
  if (descriptor_ >= 0) (void)::close(descriptor_);
}

Result<std::size_t> OpenFile::size(const std::string& path) const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) return system_failure(path, errno);
  return static_cast<std::size_t>(status.st_size);
}

Result<MappedFile> MappedFile::open(const std::string& path) {
  SY_ASSIGN(OpenFile file, OpenFile::open(path));
  SY_ASSIGN(const std::size_t length, file.size(path));
  if (length == 0) return fail(ErrorCode::kBadInput, "{}: empty file", path);
  void* memory = ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (memory == MAP_FAILED) return system_failure(path, errno);
  return MappedFile(path, std::move(file), Bytes(static_cast<const std::byte*>(memory), length));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) (void)::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Result<void> MappedFile::check_size() const {
  SY_ASSIGN(const std::size_t length, file_.size(path_));
  if (length == bytes_.size()) return {};
  return fail(ErrorCode::kIo, "{}: was {} bytes when opened, is {} now", path_, bytes_.size(),
              length);
}

void MappedFile::prefetch(std::size_t begin_offset, std::size_t byte_count) const noexcept {
  SY_CHECK(begin_offset <= bytes_.size() && byte_count <= bytes_.size() - begin_offset,
           "{}+{} of {}", begin_offset, byte_count, bytes_.size());
  if (byte_count == 0) return;
  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t page_begin = begin_offset / page_bytes * page_bytes;
  (void)::madvise(const_cast<std::byte*>(bytes_.data()) + page_begin,
                  begin_offset + byte_count - page_begin, MADV_WILLNEED);
}

void MappedFile::release() const noexcept {
  (void)::madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
}

Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max) {
  SY_ASSIGN(const OpenFile file, OpenFile::open(path));
  SY_ASSIGN(const std::size_t length, file.size(path));
  if (length > bytes_max) {
    return fail(ErrorCode::kLimit, "{}: {} bytes; at most {} are read", path, length, bytes_max);
  }
  std::string content(length, '\0');
  std::size_t done = 0;
  while (done < length) {
    const ssize_t got = ::read(file.get(), content.data() + done, length - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure(path, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  content.resize(done);
  return content;
}

}  // namespace switchyard::model

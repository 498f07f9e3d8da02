// runtime/model/checkpoint/mapped_file.h -- a file mapped read-only, and small files read whole.
// A mapping of a file that shrinks raises SIGBUS when the lost pages are touched; check_size()
// before a read turns that into an error in all but a race of microseconds. Do not truncate
// checkpoints in use. Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/view.h"

namespace switchyard::model {

// Owns an open file descriptor; closed on destruction.
class OpenFile {
 public:
  // A regular file, for reading. Errors: kNotFound when missing, kIo otherwise; all name the path.
  [[nodiscard]] static Result<OpenFile> open(const std::string& path);
  ~OpenFile();
  OpenFile(OpenFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  OpenFile& operator=(OpenFile&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  [[nodiscard]] int get() const noexcept { return descriptor_; }
  // Bytes now. Errors: kIo.
  [[nodiscard]] Result<std::size_t> size(const std::string& path) const;

 private:
  explicit OpenFile(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

class MappedFile {
 public:
  // Errors: kNotFound, kIo, kBadInput for an empty file; all name the path.
  [[nodiscard]] static Result<MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept
      : path_(std::move(other.path_)),
        file_(std::move(other.file_)),
        bytes_(std::exchange(other.bytes_, Bytes{})) {}
  MappedFile& operator=(MappedFile&&) = delete;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }
  // The file still has the length it was mapped with. Errors: kIo naming both lengths.
  [[nodiscard]] Result<void> check_size() const;
  // Asks the kernel to read this range ahead. A hint; range must lie inside the file.
  void prefetch(std::size_t begin_offset, std::size_t byte_count) const noexcept;
  // Takes all pages out of this process's resident memory; a later access reads them again.
  void release() const noexcept;

 private:
  MappedFile(std::string path, OpenFile file, Bytes bytes)
      : path_(std::move(path)), file_(std::move(file)), bytes_(bytes) {}
  std::string path_;
  OpenFile file_;
  Bytes bytes_;
};

// A whole small file. Errors: kNotFound, kIo, kLimit past bytes_max; all name the path.
[[nodiscard]] Result<std::string> read_small_file(const std::string& path, std::size_t bytes_max);

}  // namespace switchyard::model

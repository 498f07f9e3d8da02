// runtime/net/journal_file.h -- the controller's memory on disk: records behind one another in a
// file that is only appended to. A record is its length, its CRC-32 and its bytes; a tail that was
// torn by a crash is cut off at the next start. The file is not compacted: a record is small and
// rare (a view, a request, a result), and a new run of a cluster starts a new file. A record is in
// the hands of the operating system when append() returns: it survives the death of the process,
// not a power cut. Not what the records mean (control/controller.h). Thread safety: distinct
// objects: safe; shared objects: unsafe. One process at a time (file lock).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/view.h"

namespace switchyard::net {

class JournalFile {
 public:
  struct Opened;
  // Opens or makes the file (mode 0600) and reads what is there. Errors: kIo; kBadInput for a file
  // that is no journal; kLimit where another process has it open.
  [[nodiscard]] static Result<Opened> open(const std::string& path);

  JournalFile(JournalFile&& other) noexcept;
  JournalFile& operator=(JournalFile&& other) noexcept;
  ~JournalFile();

  // Errors: kIo (the disk is full): the file is as it was before; kLimit for a record of no sane
  // size.
  [[nodiscard]] Result<void> append(Bytes record);
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_; }

 private:
  JournalFile(int descriptor, std::string path);

  int descriptor_ = -1;
  std::string path_;
  std::uint64_t size_ = 0;
};

struct JournalFile::Opened {
  JournalFile file;
  std::vector<std::vector<std::byte>> records;
  std::uint64_t torn_bytes = 0;  // cut off the end
};

}  // namespace switchyard::net

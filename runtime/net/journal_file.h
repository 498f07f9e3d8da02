// runtime/net/journal_file.h -- the controller's memory on disk: records behind one another in a
// file that is appended to, or replaced as a whole by a shorter one that says the same. A tail that
// was torn by a crash is cut off at the next start; damage before it is an error. A record is in
// the hands of the operating system when append() returns: it survives the death of the process,
// not a power cut. replace() survives both: at each moment either the old file or the new one is
// there, whole. Not what the records mean (control/controller.h) and not when to replace
// (journal_keeper.h). Thread safety: distinct objects: safe; shared objects: unsafe. One process at
// a time (file lock).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/base/error.h"
#include "runtime/base/view.h"
#include "runtime/net/disk.h"
#include "runtime/net/journal_format.h"

namespace switchyard::net {

class JournalFile {
 public:
  struct Opened;
  // Opens or makes the file (mode 0600) and reads what is there. `disk` outlives it. Errors: kIo;
  // kBadInput for a file that is no journal, or damaged (with the offset); kLimit where another
  // process has it open.
  [[nodiscard]] static Result<Opened> open(const std::string& path, Disk& disk = Disk::real());

  JournalFile(JournalFile&& other) noexcept;
  JournalFile& operator=(JournalFile&& other) noexcept;
  ~JournalFile();

  // Errors: kIo (the disk is full): the file is as it was before; kIo of scope kProcess where it
  // could not be cut back to that: nothing may be appended until replace() has succeeded; kLimit
  // for a record of no sane size.
  [[nodiscard]] Result<void> append(Bytes record);
  // From now on the file holds these records only. Errors: kIo, kLimit: the old file stays in use.
  [[nodiscard]] Result<void> replace(const Records& records);
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_; }

 private:
  JournalFile(int descriptor, std::string path, Disk& disk);
  [[nodiscard]] Result<void> take_over(const std::string& fresh_path, int fresh,
                                       const Records& records);
  [[nodiscard]] Unexpected io_error(int reason, ErrorScope scope = ErrorScope::kOperation) const;

  int descriptor_ = -1;
  std::string path_;
  Disk* disk_;
  std::uint64_t size_ = 0;
};

struct JournalFile::Opened {
  JournalFile file;
  Records records;
  std::uint64_t torn_bytes = 0;  // cut off the end
};

}  // namespace switchyard::net

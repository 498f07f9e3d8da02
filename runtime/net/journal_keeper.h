// runtime/net/journal_keeper.h -- keeps a journal short and whole: writes a snapshot of the state
// in place of its history when the file has doubled, and when records are missing because the disk
// refused them. While they are missing nothing is appended (a history with a hole is worse than an
// old one) and the controller goes on; each attempt to write a snapshot is one to mend it.
// Not the file (journal_file.h) and not what is in a snapshot (control/controller.h).
// Thread safety: shared objects: unsafe.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/net/journal_file.h"

namespace switchyard::net {

struct JournalLimits {
  std::uint64_t compact_bytes_min = std::uint64_t{4} << 20;  // below it a file is left alone
  Duration retry_min = std::chrono::seconds(1);              // after a failure; doubles
  Duration retry_max = std::chrono::seconds(60);
};

class JournalKeeper {
 public:
  JournalKeeper(JournalFile file, const JournalLimits& limits);

  void append(Bytes record);
  // Between two happenings, when the state and the records agree. `snapshot` is asked for where it
  // is needed.
  void settle(TimePoint now, const std::function<Records()>& snapshot);

  // What keeps records from the disk or the file from being short; empty: nothing.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }
  [[nodiscard]] bool whole() const noexcept { return whole_; }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return file_.size_bytes(); }
  [[nodiscard]] std::uint64_t compactions() const noexcept { return compactions_; }

 private:
  JournalFile file_;
  JournalLimits limits_;
  std::uint64_t compact_at_ = 0;  // bytes
  std::uint64_t compactions_ = 0;
  bool whole_ = true;  // every record is in the file
  std::string trouble_;
  std::optional<TimePoint> retry_at_;
  Duration retry_after_{};
};

}  // namespace switchyard::net

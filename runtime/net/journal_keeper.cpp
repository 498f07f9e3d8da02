#include "runtime/net/journal_keeper.h"

#include <algorithm>
#include <utility>

namespace switchyard::net {

JournalKeeper::JournalKeeper(JournalFile file, const JournalLimits& limits)
    : file_(std::move(file)),
      limits_(limits),
      compact_at_(limits.compact_bytes_min),
      retry_after_(limits.retry_min) {}

void JournalKeeper::append(Bytes record) {
  if (!whole_) return;  // the snapshot that mends the file will hold it
  const auto written = file_.append(record);
  if (written) return;
  whole_ = false;
  trouble_ = fmt::format("records are not kept: {}", written.error().message);
}

void JournalKeeper::settle(TimePoint now, const std::function<Records()>& snapshot) {
  if (whole_ && file_.size_bytes() < compact_at_) return;
  if (retry_at_ && now < *retry_at_) return;
  const auto replaced = file_.replace(snapshot());
  if (!replaced) {
    trouble_ = fmt::format("{}: {}", whole_ ? "it cannot be compacted" : "records are not kept",
                           replaced.error().message);
    retry_at_ = now + retry_after_;
    retry_after_ = std::min(2 * retry_after_, limits_.retry_max);
    return;
  }
  ++compactions_;
  whole_ = true;
  trouble_.clear();
  retry_at_.reset();
  retry_after_ = limits_.retry_min;
  compact_at_ = std::max(limits_.compact_bytes_min, 2 * file_.size_bytes());
}

}  // namespace switchyard::net

// runtime/control/evidence.h -- what the data plane saw: who reported whom silent, in which epoch.
// Peers report an exchange past its deadline; the book decides, over a window in which reports of
// one event come together, whether they are enough to suspect the rank. It does not decide about
// membership: health.h weighs the finding, only the controller acts.
// A report is discounted when its subject only waits for another silent rank itself
// (wait_matrix.h), or when the reporter calls most of the others silent: then its own links are the
// likelier fault. Thread safety: distinct objects: safe; shared objects: unsafe. Time is an
// argument.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/ids.h"
#include "runtime/control/rank_state.h"
#include "runtime/control/wait_matrix.h"

namespace switchyard::control {

struct EvidenceConfig {
  Duration window = std::chrono::seconds(2);  // a report counts for so long after it was made
  // Distinct reporters that make a suspect; where fewer ranks wait for answers at all, all of
  // those.
  std::size_t reporters_min = 2;
  // A reporter that calls at least this many ranks silent, and more than half of the others, is
  // discounted.
  std::size_t isolated_accusations_min = 3;
  std::size_t reports_max = 65'536;  // pairs (reporter, silent) that are kept

  // Errors: kConfig naming the field.
  [[nodiscard]] Result<void> validate() const;
};

struct SilenceReport {
  RankId reporter;
  RankId silent;
  Epoch epoch;
};

enum class EvidenceLevel {
  kNone,     // nobody complains
  kSome,     // complaints that do not suffice, or that are discounted
  kSuspect,  // enough distinct reporters, or one and a broken connection
};

struct Finding {
  EvidenceLevel level = EvidenceLevel::kNone;
  std::vector<RankId> reporters;  // those that count, ascending
  std::string text;               // in words, with epoch and reporters; empty for kNone
};

class EvidenceBook {
 public:
  [[nodiscard]] static Result<EvidenceBook> create(const EvidenceConfig& config);

  // A new view: reports of older epochs are forgotten, and refused from now on.
  void begin_epoch(Epoch epoch, std::size_t member_count);
  // Errors: kStaleEpoch (an epoch that is not the current one), kBadInput (a rank reports itself),
  // kLimit. A repeated report renews the old one.
  [[nodiscard]] Result<void> report(const SilenceReport& report, TimePoint now);
  // The rank left or died: its reports and those about it are forgotten.
  void forget(RankId rank);

  // reporters_able: how many ranks exchange rows at present and could report it; with none, one
  // report is still needed.
  [[nodiscard]] Finding judge(RankId rank, Connection connection, std::size_t reporters_able,
                              TimePoint now) const;
  // At whom the waits of `rank` end, as it and others report them; nothing: at itself, or it is not
  // believed. Who waits for another does not stand still by its own fault.
  [[nodiscard]] std::optional<RankId> waits_for(RankId rank, TimePoint now) const;
  // Every rank that somebody calls silent now, ascending.
  [[nodiscard]] std::vector<RankId> accused(TimePoint now) const;
  [[nodiscard]] std::size_t report_count() const noexcept { return reports_.size(); }

 private:
  explicit EvidenceBook(const EvidenceConfig& config) : config_(config) {}
  [[nodiscard]] bool counts(TimePoint at, TimePoint now) const {
    return now - at <= config_.window;
  }
  [[nodiscard]] bool isolated(RankId reporter, TimePoint now) const;
  [[nodiscard]] WaitMatrix waits(TimePoint now) const;

  EvidenceConfig config_;
  Epoch epoch_;
  std::size_t member_count_ = 0;
  std::map<std::pair<RankId, RankId>, TimePoint> reports_;  // (reporter, silent) -> newest
};

[[nodiscard]] std::string_view to_string(EvidenceLevel level) noexcept;

}  // namespace switchyard::control

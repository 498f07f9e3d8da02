#include "runtime/control/evidence.h"

#include <algorithm>
#include <set>

namespace switchyard::control {
namespace {

std::string list(const std::vector<RankId>& ranks) {
  std::string out;
  for (const RankId rank : ranks) {
    out += fmt::format("{}{}", out.empty() ? "" : ", ", rank.value());
  }
  return out;
}

}  // namespace

std::string_view to_string(EvidenceLevel level) noexcept {
  switch (level) {
    case EvidenceLevel::kNone: return "none";
    case EvidenceLevel::kSome: return "some";
    case EvidenceLevel::kSuspect: return "suspect";
  }
  return "unknown";
}

Result<void> EvidenceConfig::validate() const {
  if (window <= Duration::zero()) {
    return fail(ErrorCode::kConfig, "evidence: window must be positive");
  }
  if (reporters_min == 0) {
    return fail(ErrorCode::kConfig, "evidence: reporters_min must be at least 1");
  }
  if (isolated_accusations_min < 2) {
    return fail(ErrorCode::kConfig, "evidence: isolated_accusations_min must be at least 2");
  }
  if (reports_max == 0) return fail(ErrorCode::kConfig, "evidence: reports_max must be at least 1");
  return {};
}

Result<EvidenceBook> EvidenceBook::create(const EvidenceConfig& config) {
  SY_TRY(config.validate());
  return EvidenceBook(config);
}

void EvidenceBook::begin_epoch(Epoch epoch, std::size_t member_count) {
  epoch_ = epoch;
  member_count_ = member_count;
  reports_.clear();
}

Result<void> EvidenceBook::report(const SilenceReport& report, TimePoint now) {
  if (report.epoch != epoch_) {
    return fail(ErrorCode::kStaleEpoch, "rank {} reports rank {} silent in epoch {}; it is {} now",
                report.reporter.value(), report.silent.value(), report.epoch.value(),
                epoch_.value());
  }
  if (report.reporter == report.silent) {
    return fail(ErrorCode::kBadInput, "rank {} reports itself silent", report.silent.value());
  }
  if (reports_.size() >= config_.reports_max) {
    std::erase_if(reports_, [&](const auto& entry) { return !counts(entry.second, now); });
  }
  const std::pair key(report.reporter, report.silent);
  if (reports_.size() >= config_.reports_max && !reports_.contains(key)) {
    return fail(ErrorCode::kLimit, "evidence: more than {} reports within one window",
                config_.reports_max);
  }
  TimePoint& at = reports_[key];
  at = std::max(at, now);
  return {};
}

void EvidenceBook::forget(RankId rank) {
  std::erase_if(reports_, [&](const auto& entry) {
    return entry.first.first == rank || entry.first.second == rank;
  });
}

bool EvidenceBook::isolated(RankId reporter, TimePoint now) const {
  std::size_t accusations = 0;
  for (auto at = reports_.lower_bound({reporter, RankId(0)});
       at != reports_.end() && at->first.first == reporter; ++at) {
    if (counts(at->second, now)) ++accusations;
  }
  return accusations >= config_.isolated_accusations_min && accusations * 2 >= member_count_;
}

WaitMatrix EvidenceBook::waits(TimePoint now) const {
  WaitMatrix matrix;
  for (const auto& [pair, at] : reports_) {
    if (counts(at, now) && !isolated(pair.first, now)) matrix.add(pair.first, pair.second);
  }
  return matrix;
}

std::optional<RankId> EvidenceBook::waits_for(RankId rank, TimePoint now) const {
  const auto own = reports_.lower_bound({rank, RankId(0)});
  if (own == reports_.end() || own->first.first != rank) return std::nullopt;  // the usual case
  const RankId end = waits(now).end_of(rank);
  return end == rank ? std::nullopt : std::optional(end);
}

Finding EvidenceBook::judge(RankId rank, Connection connection, std::size_t reporters_able,
                            TimePoint now) const {
  Finding finding;
  std::vector<RankId> discounted;
  for (const auto& [pair, at] : reports_) {
    if (pair.second != rank || !counts(at, now)) continue;
    (isolated(pair.first, now) ? discounted : finding.reporters).push_back(pair.first);
  }
  if (finding.reporters.empty() && discounted.empty()) return finding;
  if (connection == Connection::kBroken) {
    finding.reporters.insert(finding.reporters.end(), discounted.begin(), discounted.end());
    std::ranges::sort(finding.reporters);
    finding.level = EvidenceLevel::kSuspect;
    finding.text = fmt::format("epoch {}: reported silent by rank {}, and its connection is broken",
                               epoch_.value(), list(finding.reporters));
    return finding;
  }
  finding.level = EvidenceLevel::kSome;
  if (finding.reporters.empty()) {
    finding.text =
        fmt::format("epoch {}: reported silent only by rank {}, which calls most ranks silent",
                    epoch_.value(), list(discounted));
    return finding;
  }
  finding.text =
      fmt::format("epoch {}: reported silent by rank {}", epoch_.value(), list(finding.reporters));
  const std::size_t needed =
      std::min(config_.reporters_min, std::max<std::size_t>(reporters_able, 1));
  if (finding.reporters.size() < needed) {
    finding.text += fmt::format("; it takes {} reporters", needed);
    return finding;
  }
  if (const auto end = waits_for(rank, now)) {
    finding.text += fmt::format("; but it waits for rank {} itself", end->value());
    return finding;
  }
  finding.level = EvidenceLevel::kSuspect;
  return finding;
}

std::vector<RankId> EvidenceBook::accused(TimePoint now) const {
  std::set<RankId> out;
  for (const auto& [pair, at] : reports_) {
    if (counts(at, now)) out.insert(pair.second);
  }
  return {out.begin(), out.end()};
}

}  // namespace switchyard::control

// The lead's half of Session: hands out jobs, collects results, ends the run.
#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/engine/session.h"

namespace switchyard::engine {
namespace {

// Far below options.lead_deadline; a message of some bytes.
constexpr Duration kReassureEvery{5'000'000'000};

}  // namespace

// Sequence i of the job goes to router i mod R, so that every router gets an equal share.
Result<void> Session::hand_out(const Job& job, Job& own, Spread spread) {
  const std::size_t routers = spread == Spread::kLeadOnly ? 1 : options_.routers;
  std::vector<Job> shares(routers);
  for (auto& share : shares) {
    share.routing = job.routing;
    share.calibration = job.calibration;
    share.keeps = job.keeps;
  }
  for (std::size_t i = 0; i < job.sequences.size(); ++i) {
    shares[i % routers].sequences.push_back(job.sequences[i]);
  }
  for (std::uint32_t r = 1; r < routers; ++r) {
    SY_TRY(link_.post(RankId(r), encode_job(shares[r])));
    peers_[r] = Peer{true, {}, clock_.now(), std::nullopt};
  }
  own = std::move(shares[0]);
  return {};
}

Result<void> Session::absorb_control() {
  while (true) {
    SY_ASSIGN(auto message, link_.poll());
    if (!message) return {};
    auto& peer = peers_[message->from.index()];
    peer.heard = clock_.now();
    const auto& kind = message->body["kind"];
    if (kind == "progress") {
      peer.progress.sequences_done = message->body.value("done", std::size_t{0});
      peer.progress.tokens = message->body.value("tokens", std::uint64_t{0});
    } else if (kind == "result") {
      SY_ASSIGN(peer.result, decode_result(message->body));
      peer.progress.sequences_done = peer.result->sequences.size();
      peer.progress.tokens = peer.result->times.prompt_tokens + peer.result->times.decode_tokens;
    } else {
      return fail(ErrorCode::kPeer, ErrorScope::kPeer, "rank {} sent '{}' during a job",
                  message->from.value(), kind.get<std::string>());
    }
  }
}

// Routers at work do not read their mail until they are done, and then begin to wait.
Result<void> Session::reassure() {
  const TimePoint now = clock_.now();
  if (now - reassured_ < kReassureEvery) return {};
  reassured_ = now;
  for (std::uint32_t r = 1; r < transport_.size(); ++r) {
    if (peers_[r].working && !peers_[r].result) continue;
    SY_TRY(link_.post(RankId(r), {{"kind", "alive"}}));
  }
  return {};
}

JobProgress Session::total_progress(const JobProgress& own) const {
  JobProgress total = own;
  total.sequences = job_sequences_;
  for (const auto& peer : peers_) {
    if (!peer.working) continue;
    total.sequences_done += peer.progress.sequences_done;
    total.tokens += peer.progress.tokens;
  }
  total.seconds = to_seconds(clock_.now() - job_start_);
  return total;
}

Result<JobResult> Session::collect(JobResult own, const ProgressSink& progress) {
  JobProgress own_progress;
  own_progress.sequences_done = own.sequences.size();
  own_progress.tokens = own.times.prompt_tokens + own.times.decode_tokens;
  TimePoint heard_last = clock_.now();
  const auto all_in = [&]() -> Result<bool> {
    SY_TRY(absorb_control());
    SY_TRY(reassure());
    progress(total_progress(own_progress));
    bool all = true;
    heard_last = TimePoint::max();
    for (const auto& peer : peers_) {
      if (!peer.working || peer.result) continue;
      all = false;
      heard_last = std::min(heard_last, peer.heard);
    }
    if (!all && clock_.now() - heard_last > options_.exchange_deadline) {
      return fail(ErrorCode::kDeadline, ErrorScope::kPeer,
                  "a router rank has not reported for {:.0f} s",
                  to_seconds(options_.exchange_deadline));
    }
    return all;
  };
  // Routers report while they work, so silence is what ends this wait, not its length.
  SY_TRY(work_until(all_in, Deadline(TimePoint::max()), [] { return "results"; }));
  for (auto& peer : peers_) {
    if (!peer.working) continue;
    peer.working = false;
    SY_TRY(merge_result(own, std::move(*peer.result)));
    peer.result.reset();
  }
  return own;
}

Result<JobResult> Session::run(const Job& job, Spread spread, Observer* observer,
                               const ProgressSink& progress) {
  SY_CHECK(leads(), "rank {} does not lead", transport_.rank().value());
  job_start_ = clock_.now();
  job_sequences_ = job.sequences.size();
  Job own;
  SY_TRY(hand_out(job, own, spread));
  const auto report = [&](const JobProgress& own_progress) -> Result<void> {
    SY_TRY(absorb_control());
    SY_TRY(reassure());
    progress(total_progress(own_progress));
    return {};
  };
  SY_ASSIGN(auto result, run_share(own, observer, report));
  SY_ASSIGN(result, collect(std::move(result), progress));
  result.seconds = to_seconds(clock_.now() - job_start_);
  return result;
}

Result<ClusterReport> Session::close() {
  SY_CHECK(leads(), "rank {} does not lead", transport_.rank().value());
  for (std::uint32_t r = 1; r < transport_.size(); ++r) {
    SY_TRY(link_.post(RankId(r), {{"kind", "end"}}));
  }
  std::vector<std::optional<RankReport>> reports(transport_.size());
  const auto missing = [&] {
    std::string names;
    for (std::size_t r = 1; r < reports.size(); ++r) {
      if (!reports[r]) names += fmt::format(" {}", r);
    }
    return fmt::format("the final report of rank(s){}", names);
  };
  TimePoint heard = clock_.now();
  const auto all_in = [&]() -> Result<bool> {
    SY_ASSIGN(const auto message, link_.poll());
    if (message) {
      heard = clock_.now();
      // After an error here the routers first end their share, and go on reporting on it.
      if (message->body["kind"] == "bye") {
        SY_ASSIGN(reports[message->from.index()], decode_rank_report(message->body));
      }
    }
    if (clock_.now() - heard > options_.exchange_deadline) {
      return fail(ErrorCode::kDeadline, ErrorScope::kPeer, "no sign of {}", missing());
    }
    SY_ASSIGN(const bool flushed, link_.flushed());
    SY_ASSIGN(const bool idle, parts_.plane->idle());
    return flushed && idle &&
           std::all_of(reports.begin() + 1, reports.end(), [](const auto& r) { return r; });
  };
  // As in collect(): silence ends this wait, not its length.
  SY_TRY(work_until(all_in, Deadline(TimePoint::max()), missing));
  reports[0] = make_rank_report(parts_, *source_, transport_);
  ClusterReport report;
  for (auto& rank : reports) report.ranks.push_back(std::move(*rank));
  return report;
}

}  // namespace switchyard::engine

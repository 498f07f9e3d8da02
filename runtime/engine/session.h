// runtime/engine/session.h -- one rank's life in a run: open (load, agree with the others), then
// either lead (rank 0: hand out jobs, collect results) or follow (serve until told to leave).
// Plain point-to-point messages; every wait has a deadline and names who is missing.
// Thread safety: shared objects: unsafe (the rank's engine thread); stop and abandon are atomics.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/engine/cluster_report.h"
#include "runtime/engine/control_link.h"
#include "runtime/engine/job.h"
#include "runtime/engine/job_collector.h"
#include "runtime/engine/rank_parts.h"

namespace switchyard::engine {

// What a model says about its router, for making and describing policies.
[[nodiscard]] routing::RouterConvention convention_of(const model::ModelConfig& model);

// Set from signal handlers or other threads.
struct StopSignals {
  std::atomic<bool> stop{false};     // finish cleanly: end sequences with what they have
  std::atomic<bool> abandon{false};  // another rank of this process failed: give up waiting
};

// What the lead shows while a job runs.
struct JobProgress {
  std::size_t sequences_done = 0;  // of all routers
  std::size_t sequences = 0;
  std::uint64_t tokens = 0;  // prompt and generated, of all routers
  double seconds = 0;
};
using ProgressSink = std::function<void(const JobProgress&)>;

class Session {
 public:
  // References outlive the session. The session outlives the use of its bytes by the transport:
  // after an error, also one of open(), others may still read what it has sent.
  Session(const ClusterOptions& options, comm::Transport& transport, const Clock& clock,
          const StopSignals& signals, Log log);

  // Loads this rank's share and agrees with all others that the run can start. When any rank
  // fails, every rank returns that rank's error. Once, before anything else.
  // Collective: yes. Blocks: until options.start_deadline.
  [[nodiscard]] Result<void> open(Result<std::unique_ptr<model::WeightSource>> source,
                                  const LoadProgress& load_progress);

  [[nodiscard]] bool leads() const noexcept { return transport_.rank() == RankId(0); }
  [[nodiscard]] const model::ModelConfig& config() const { return source_->config(); }
  [[nodiscard]] const placement::View& view() const { return *parts_.view; }
  [[nodiscard]] kernels::Device& device() { return *parts_.device; }

  // Lead only. Runs the job on all routers; `observer` sees rank 0's own share.
  // `spread` kLeadOnly keeps all sequences on rank 0 (calibration).
  enum class Spread { kAllRouters, kLeadOnly };
  [[nodiscard]] Result<JobResult> run(const Job& job, Spread spread, Observer* observer,
                                      const ProgressSink& progress);
  // Lead only: ends the run on all ranks and gathers their reports.
  [[nodiscard]] Result<ClusterReport> close();
  // Everyone else: works until the lead ends the run. Blocks: until options.lead_deadline after the
  // lead's last sign of life. Errors: kDeadline then.
  [[nodiscard]] Result<void> follow();

  [[nodiscard]] routing::RouterConvention convention() const { return convention_of(config()); }

 private:
  [[nodiscard]] Result<void> agree(Result<void> own);
  [[nodiscard]] Result<void> gather_ready(Result<void> own);
  [[nodiscard]] Result<void> await_go();
  [[nodiscard]] Result<JobResult> run_share(
      const Job& job, Observer* observer,
      const std::function<Result<void>(const JobProgress&)>& report);
  [[nodiscard]] Result<void> absorb_control();
  [[nodiscard]] Result<void> hand_out(const Job& job, Job& own, Spread spread);
  [[nodiscard]] Result<JobResult> collect(JobResult own, const ProgressSink& progress);
  // Tells those who wait for work that the lead lives, every kReassureEvery.
  [[nodiscard]] Result<void> reassure();
  [[nodiscard]] JobProgress total_progress(const JobProgress& own) const;
  // Works until a prompt arrives, or a signal.
  [[nodiscard]] Result<void> await_arrival(TimePoint arrival,
                                           const std::function<Result<void>()>& report);
  // Works (serves, receives) until `done` answers true. Errors: kDeadline with `what`.
  [[nodiscard]] Result<void> work_until(const std::function<Result<bool>()>& done,
                                        Deadline deadline,
                                        const std::function<std::string()>& what);

  // What the lead knows of another router during a job.
  struct Peer {
    bool working = false;
    JobProgress progress;
    TimePoint heard{};
    std::optional<JobResult> result;
  };

  ClusterOptions options_;
  comm::Transport& transport_;
  const Clock& clock_;
  const StopSignals& signals_;
  Log log_;
  ControlLink link_;
  std::unique_ptr<model::WeightSource> source_;
  RankParts parts_;
  std::vector<Peer> peers_;  // [ranks]
  TimePoint reassured_{};
  TimePoint job_start_{};
  std::size_t job_sequences_ = 0;
};

}  // namespace switchyard::engine

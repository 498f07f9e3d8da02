// runtime/engine/worker.h -- one rank's life in a cluster that has a controller: it holds what the
// views give it to hold, generates for the requests that it is assigned, serves experts to others,
// and says through its mailbox what it did. Dies by itself on an error that is its own: the others
// go on without it. Not the session of a static world (session.h) and not the agent (runtime/net).
// Thread safety: shared objects: unsafe (the rank's engine thread); mailbox and gauges are shared
// with the agent thread.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/base/log.h"
#include "runtime/control/mailbox.h"
#include "runtime/control/rank_gauges.h"
#include "runtime/engine/job_collector.h"
#include "runtime/engine/load_meter.h"
#include "runtime/engine/rank_parts.h"
#include "runtime/engine/rank_sizes.h"
#include "runtime/engine/session.h"
#include "runtime/engine/view_work.h"

namespace switchyard::engine {

struct WorkerOptions {
  ClusterOptions cluster;
  control::RankKind kind = control::RankKind::kExpert;
  std::string routing = "auto";  // spec
  std::string calibration;       // JSON text of a calibration file, or empty
  bool gate_stats = false;
  Duration orphan_after{120'000'000'000};
};

class Worker final : private moe::ViewFeed, private Observer {
 public:
  // Makes the device and, for routers, loads their part of the model; experts come with the views.
  // References outlive the worker. Errors: the checkpoint's and the options', naming the place.
  [[nodiscard]] static Result<std::unique_ptr<Worker>> open(
      const WorkerOptions& options, std::unique_ptr<model::WeightSource> source,
      comm::Transport& transport, const Clock& clock, const StopSignals& signals,
      control::Mailbox& mailbox, control::RankGauges& gauges, Log log);
  ~Worker() override = default;

  // What the controller must know of this rank's model.
  [[nodiscard]] control::ModelFacts model_facts() const;
  // Asked now and then: for how long there has been no controller. A rank that nobody leads for
  // longer than orphan_after ends itself; until then it goes on with what it has.
  using Absence = std::function<Duration()>;
  // Until the controller says leave (then the farewell has been posted), or refuses this rank.
  // Blocks. Errors: kStaleEpoch with scope kProcess: the cluster went on without this rank, which
  // may come back as a new one; kDeadline, kPeer, kBadInput: this rank cannot go on.
  [[nodiscard]] Result<void> run(const Absence& absence);
  // After run(): the buffers that the transport may still read or write for others. Who goes on
  // with the transport keeps them, unused, for as long.
  [[nodiscard]] std::unique_ptr<moe::DataPlane> release_plane() { return std::move(parts_.plane); }

 private:
  // A sequence that runs or waits here.
  struct Held {
    control::RequestId id;
    std::uint32_t attempt = 0;
    std::uint32_t said = 0;            // tokens told to the controller, those of before included
    std::vector<std::uint32_t> fresh;  // generated since
    std::string trace_id;
  };

  Worker(const WorkerOptions& options, std::unique_ptr<model::WeightSource> source,
         comm::Transport& transport, const Clock& clock, const StopSignals& signals,
         control::Mailbox& mailbox, control::RankGauges& gauges, Log log);
  [[nodiscard]] Result<void> make_parts();
  [[nodiscard]] Result<void> make_router_buffers();
  [[nodiscard]] Result<void> make_engine();

  // ViewFeed: called by the data plane while it waits, and by run().
  Result<std::shared_ptr<const placement::View>> poll() override;
  Duration unled() const override { return absence_ ? absence_() : Duration::zero(); }
  bool unwanted() override;
  void report_silent(Epoch epoch, Duration waited, std::span<const RankId> silent) override;
  void report_breaker(const BreakerEvent& event) override;
  [[nodiscard]] Result<void> take(control::Message message);
  [[nodiscard]] Result<void> load_piece();

  // Between steps only.
  [[nodiscard]] Result<void> follow_view();
  [[nodiscard]] Result<void> adopt_newest();
  [[nodiscard]] Result<void> do_deferred();
  void assign(const control::Assign& assign);
  void cancel(const control::Cancel& cancel);
  void say_progress();
  void say_farewell();
  void update_gauges();
  void report_load();
  void say(std::string_view event, std::string_view text) const;
  void say(std::string_view event, std::string_view text, const Held& request) const;

  // Observer.
  void on_token(const SequenceRequest& request, std::uint32_t token) override;
  void on_finished(SequenceResult result) override;

  WorkerOptions options_;
  std::unique_ptr<model::WeightSource> source_;
  comm::Transport& transport_;
  const Clock& clock_;
  const StopSignals& signals_;
  control::Mailbox& mailbox_;
  control::RankGauges& gauges_;
  Log log_;
  RankSizes sizes_;
  RankParts parts_;
  std::optional<RouterBuffers> router_buffers_;  // of an engine that is not made yet
  std::unique_ptr<ViewWork> work_;
  std::unique_ptr<JobCollector> collector_;
  LoadMeter meter_;
  std::shared_ptr<const placement::View> newest_;  // committed
  Epoch adopted_;                                  // told to the controller
  std::optional<control::Prepare> preparing_;
  TimePoint preparing_since_{};            // where there is a timeline
  std::deque<control::Message> deferred_;  // assignments, cancellations: between steps
  std::size_t deferred_judged_ = 0;        // so many of them say ...
  bool unwanted_ = false;                  // ... that all that is held here is cancelled
  std::unordered_map<SequenceId, Held> held_;
  Absence absence_;
  std::optional<Error> refused_;
  bool draining_ = false;
  bool leaving_ = false;
};

}  // namespace switchyard::engine

// launcher/launch/launched_run.h -- runs a program's requests on a launched cluster: submits them,
// watches, shows the state, survives a controller's death, and ends everything in order. The
// verdict is what came back, not how the processes ended. Not the processes (cluster_processes.h).
// Thread safety: the main thread.
#pragma once

#include <atomic>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "launcher/launch/cluster_processes.h"
#include "launcher/launch/live_view.h"
#include "launcher/launch/silence_watch.h"
#include "launcher/served_program.h"
#include "launcher/timeline/trace_export.h"
#include "runtime/engine/arrivals.h"
#include "runtime/engine/payload.h"
#include "runtime/net/client.h"

namespace switchyard::launcher {

class LaunchedRun {
 public:
  // References outlive the run; `stop` set: requests end with what they have. trace_out: file for a
  // trace of the run, or empty. A controller that says nothing for `controller_limit` is replaced.
  LaunchedRun(ClusterProcesses& processes, ServedProgram& program, ProgressLine::Show show,
              const std::atomic<bool>& stop, std::string trace_out, Duration controller_limit);

  // Blocks: until all requests are done and the cluster has ended. Errors: what ended it early.
  [[nodiscard]] Result<void> run();
  // Whether the cluster did its work and left in order, whatever became of single requests.
  [[nodiscard]] bool ended_in_order() const noexcept { return ended_in_order_; }

 private:
  [[nodiscard]] Result<void> connect();
  [[nodiscard]] Result<void> reach();
  [[nodiscard]] Result<void> submit_due();
  [[nodiscard]] Result<void> await_results();
  [[nodiscard]] Result<void> end_cluster();
  [[nodiscard]] Result<ClusterProcesses::Standing> look_after(ClusterProcesses::ControllerEnd end);
  void ask_status();
  [[nodiscard]] Result<void> listen(Duration wait);
  [[nodiscard]] Result<void> take(const control::Message& message);
  bool tell(control::Wish wish);
  [[nodiscard]] std::optional<std::uint32_t> own_request(const std::string& name) const;
  void take_status(const std::string& text);
  void start_awaited(const nlohmann::json& ranks);
  [[nodiscard]] Result<void> report();

  ClusterProcesses& processes_;
  ServedProgram& program_;
  const std::atomic<bool>& stop_;
  SteadyClock clock_;
  LiveView view_;
  std::optional<net::Client> client_;
  std::string name_;  // of this run: its requests' names begin with it
  std::vector<engine::SequenceRequest> requests_;
  engine::Arrivals arrivals_{{}};
  bool reached_ = false;  // once
  std::optional<TimePoint> unreachable_since_;
  SilenceWatch silence_;          // of the controller
  bool controller_gone_ = false;  // and the next one is not due yet
  TimePoint status_asked_{};
  // What the controller that we are connected to has been told; the next one hears it again.
  bool end_asked_ = false;
  bool shutdown_asked_ = false;
  std::optional<TimePoint> served_from_;  // the first view: arrivals count from it
  std::map<std::uint32_t, engine::SequenceResult> results_;  // by the sequence's id
  std::map<std::uint32_t, std::string> failed_;              // why
  std::map<std::uint32_t, engine::Farewell> farewells_;      // by rank
  // By rank and life: a controller that comes back tells of them again.
  std::map<std::pair<RankId, control::Incarnation>, control::LastLoads> died_;
  bool status_due_ = false;  // before its time
  std::size_t lost_ = 0;     // ranks that died
  std::string trace_out_;
  std::vector<ClusterMoment> moments_;  // for the trace
  bool ended_in_order_ = false;
  bool stopped_early_ = false;  // before there was anything to end with
  TimePoint started_{};
  double seconds_ = 0;
};

}  // namespace switchyard::launcher

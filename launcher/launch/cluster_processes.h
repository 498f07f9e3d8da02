// launcher/launch/cluster_processes.h -- the processes of a launched cluster: the controller, which
// is restarted when it dies, mpirun with the ranks, and ranks that are started later. Not what they
// are told to do (launched_run.h). Thread safety: the main thread.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "launcher/launch/child_process.h"
#include "launcher/launch/launch_plan.h"
#include "launcher/launch/restarts.h"
#include "runtime/base/ids.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/secret.h"
#include "runtime/net/tls_identity.h"

namespace switchyard::launcher {

class ClusterProcesses {
 public:
  // Makes the directory, the secret and the token of the admin port, starts the controller, waits
  // until it listens, starts the ranks. Errors: kIo, kNotFound (no mpirun), kDeadline; the message
  // names the log file, which stays.
  [[nodiscard]] static Result<std::unique_ptr<ClusterProcesses>> start(
      const LaunchFlags& flags, const config::EffectiveConfig& config);
  ClusterProcesses(const ClusterProcesses&) = delete;
  ClusterProcesses& operator=(const ClusterProcesses&) = delete;
  ~ClusterProcesses();

  [[nodiscard]] const net::Endpoint& controller() const noexcept { return places_.controller; }
  [[nodiscard]] const net::Secret& secret() const noexcept { return secret_; }
  // Null: plain connections.
  [[nodiscard]] const std::shared_ptr<net::TlsIdentity>& tls() const noexcept { return tls_; }
  [[nodiscard]] const LaunchPlaces& places() const noexcept { return places_; }

  // kRanksLeft: the controller has ended in order, as it does when no rank is left; their processes
  // and mpirun may be there still.
  enum class Standing { kRuns, kRanksLeft, kRanksEnded };
  // kExpected: everything was told to end, and a controller that has left in order stays away.
  enum class ControllerEnd { kUnexpected, kExpected };
  // kSkipped: the user wants the end, so the next controller, which is to end the requests, is
  // started at once; there is no other after one that did not get as far as to listen.
  enum class Wait { kTaken, kSkipped };
  // Looks after the processes; call it often. A controller that dies is started again, also when it
  // dies while it starts; after a while, where it has died young. Blocks: no. Errors: it dies again
  // and again; kInterrupted.
  [[nodiscard]] Result<Standing> look_after(ControllerEnd end, Wait wait);
  // How it ended, while there is none and the next one is not due yet.
  [[nodiscard]] std::optional<std::string> controller_trouble();
  // Of one that lives and does nothing: look_after() starts the next, which has its journal.
  // Blocks: for a moment.
  void end_controller() { controller_->end(Duration::zero()); }
  // It lives and listens, as far as is known: it is not being started.
  [[nodiscard]] bool controller_listens() { return !starting_ && !controller_->exit_code(); }
  // The process number `spawn` of those that the controller has asked for, in that slot; once each.
  // Errors: kIo.
  [[nodiscard]] Result<void> start_late_rank(RankId slot, std::uint32_t spawn);
  // Something went wrong: the directory with the logs stays, and the text says where.
  [[nodiscard]] Error keep_logs(Error error);
  // Waits for the ranks and the controller to end by themselves, then ends what is left.
  void end(Duration patience);

 private:
  ClusterProcesses() = default;
  [[nodiscard]] Result<void> make_directory(const LaunchFlags& flags);
  [[nodiscard]] Result<void> plan_admin();
  [[nodiscard]] Result<void> start_controller();
  [[nodiscard]] Result<void> await_address();
  [[nodiscard]] Result<void> restart_controller(int exit_code, Wait wait);
  // Whether the controller listens by now.
  [[nodiscard]] Result<bool> read_address();
  [[nodiscard]] bool ranks_ended();

  SteadyClock clock_;
  LaunchFlags flags_;
  const config::EffectiveConfig* config_ = nullptr;
  LaunchPlaces places_;
  bool temporary_ = false;  // the directory goes when this goes
  net::Secret secret_;
  std::shared_ptr<net::TlsIdentity> tls_;
  std::optional<ChildProcess> controller_;
  std::optional<ChildProcess> ranks_;
  std::map<RankId, std::uint32_t> spawned_;  // the last that was started for the slot
  std::list<ChildProcess> late_ranks_;
  bool starting_ = false;  // the controller does not listen yet
  TimePoint controller_started_{};
  Restarts restarts_;        // of the controller
  bool death_seen_ = false;  // of the controller; the next one is not started yet
  bool hurried_ = false;     // this one was started before its time
};

}  // namespace switchyard::launcher

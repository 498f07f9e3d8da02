#include "launcher/launch/cluster_processes.h"

#include <fmt/ranges.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "launcher/launch/last_words.h"
#include "launcher/run_file.h"
#include "launcher/tls_files.h"

namespace switchyard::launcher {
namespace {

constexpr Duration kListenDeadline{20'000'000'000};

std::string own_program() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string("switchyard") : path.string();
}

}  // namespace

Result<std::unique_ptr<ClusterProcesses>> ClusterProcesses::start(
    const LaunchFlags& flags, const config::EffectiveConfig& config) {
  std::unique_ptr<ClusterProcesses> cluster(new ClusterProcesses());
  cluster->flags_ = flags;
  cluster->config_ = &config;
  cluster->places_.program = own_program();
  cluster->places_.controller.host = flags.listen;
  SY_ASSIGN(cluster->tls_, open_tls(config.run.tls));
  SY_TRY(cluster->make_directory(flags));
  SY_ASSIGN(cluster->secret_, net::make_secret_file(cluster->places_.in("secret")));
  SY_TRY(cluster->plan_admin());
  SY_TRY(cluster->start_controller());
  if (auto listens = cluster->await_address(); !listens) {
    return Unexpected(cluster->keep_logs(std::move(listens).error()));
  }
  SY_ASSIGN(auto ranks, ChildProcess::start(mpirun_words(flags, config, cluster->places_),
                                            cluster->places_.in("ranks.log")));
  cluster->ranks_.emplace(std::move(ranks));
  return cluster;
}

Error ClusterProcesses::keep_logs(Error error) {
  temporary_ = false;
  for (const char* name : {"controller.out", "controller.log", "ranks.log"}) {
    std::ifstream log(places_.in(name));
    const auto words = last_words(log);
    if (words.empty()) continue;
    error.message += fmt::format("\n  {}: {}", places_.in(name), fmt::join(words, "\n    "));
  }
  return error;
}

Result<void> ClusterProcesses::make_directory(const LaunchFlags& flags) {
  places_.directory = flags.directory;
  if (flags.directory.empty()) {
    std::string name = (std::filesystem::temp_directory_path() / "switchyard-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) return fail(ErrorCode::kIo, "{}: cannot be made", name);
    places_.directory = name;
    temporary_ = true;
    return {};
  }
  const auto before = read_run_file(places_.in("run.json"));
  if (before && before->pid > 0 && ::kill(static_cast<pid_t>(before->pid), 0) == 0) {
    return fail(
        ErrorCode::kUsage,
        "{}: a cluster uses this directory (controller: process {}); give another --dir, or "
        "remove {} if that process is something else",
        flags.directory, before->pid, places_.in("run.json"));
  }
  std::error_code error;
  std::filesystem::create_directories(flags.directory, error);
  if (error) return fail(ErrorCode::kIo, "{}: {}", flags.directory, error.message());
  for (const char* old : {"secret", "admin-token", "journal", "run.json"}) {
    std::filesystem::remove(places_.in(old), error);
  }
  return {};
}

// Whoever reaches the port can otherwise take the cluster apart, also on loopback: every user of
// the host is there. The controller reads the token again when it is restarted.
Result<void> ClusterProcesses::plan_admin() {
  places_.admin = flags_.admin;
  if (!places_.admin) return {};
  if (flags_.admin_token_file.empty()) {
    places_.admin_token_file = places_.in("admin-token");
    SY_TRY(net::make_secret_file(places_.admin_token_file));
  } else {
    places_.admin_token_file = flags_.admin_token_file;
    SY_TRY(net::read_or_make_secret_file(places_.admin_token_file));
  }
  return {};
}

// The run file of the last one stays until this one has written its own: it listens in the same
// place.
Result<void> ClusterProcesses::start_controller() {
  SY_ASSIGN(auto controller, ChildProcess::start(controller_words(flags_, *config_, places_),
                                                 places_.in("controller.out")));
  controller_.emplace(std::move(controller));
  controller_started_ = clock_.now();
  starting_ = true;
  return {};
}

Result<bool> ClusterProcesses::read_address() {
  const std::string file = places_.in("run.json");
  if (!std::filesystem::exists(file)) return false;  // it appears as a whole
  SY_ASSIGN(const auto run, read_run_file(file));
  if (run.pid != controller_->pid()) return false;  // of the one before
  places_.controller = run.controller;
  places_.admin = run.admin;
  starting_ = false;
  return true;
}

Result<void> ClusterProcesses::await_address() {
  const auto deadline = Deadline::after(clock_, kListenDeadline);
  while (true) {
    SY_ASSIGN(const bool listens, read_address());
    if (listens) return {};
    if (const auto ended = controller_->exit_code()) {
      return fail(ErrorCode::kPeer, "the controller ended with exit code {}", *ended);
    }
    if (deadline.passed(clock_)) {
      return fail(ErrorCode::kDeadline, "the controller does not listen");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Result<void> ClusterProcesses::start_late_rank(RankId slot, std::uint32_t spawn) {
  std::uint32_t& last = spawned_[slot];
  if (last >= spawn) return {};
  last = spawn;
  SY_ASSIGN(auto process,
            ChildProcess::start(late_rank_words(flags_, *config_, places_, slot.value()),
                                places_.in("ranks.log")));
  late_ranks_.push_back(std::move(process));
  return {};
}

bool ClusterProcesses::ranks_ended() {
  const bool late = std::ranges::any_of(late_ranks_, [](auto& rank) { return !rank.exit_code(); });
  return ranks_->exit_code() && !late;
}

// A controller with a long journal may read for a while before it listens: it is waited for as
// long as it lives.
Result<ClusterProcesses::Standing> ClusterProcesses::look_after(ControllerEnd end, Wait wait) {
  if (ranks_ended()) return Standing::kRanksEnded;
  const auto ended = controller_->exit_code();
  if (!ended && starting_) {
    SY_TRY(read_address());
    return Standing::kRuns;
  }
  if (!ended) return Standing::kRuns;
  if (*ended == 0 && end == ControllerEnd::kExpected) return Standing::kRanksLeft;
  SY_TRY(restart_controller(*ended, wait));
  return Standing::kRuns;
}

Result<void> ClusterProcesses::restart_controller(int exit_code, Wait wait) {
  if (!death_seen_) {
    death_seen_ = true;
    restarts_.died(clock_.now(), clock_.now() - controller_started_);
    if (restarts_.used_up()) {
      return fail(ErrorCode::kPeer, "the controller died {} times within {:.0f} minutes",
                  restarts_.deaths(), to_seconds(Restarts::kWindow) / 60);
    }
    if (wait == Wait::kSkipped && hurried_ && starting_) {
      return fail(ErrorCode::kInterrupted,
                  "interrupted while no controller can be started: it ends with exit code {}; what "
                  "the requests had is lost",
                  exit_code);
    }
  }
  if (wait == Wait::kTaken && !restarts_.due(clock_.now())) return {};
  death_seen_ = false;
  hurried_ = wait == Wait::kSkipped;
  controller_.reset();
  return start_controller();
}

std::optional<std::string> ClusterProcesses::controller_trouble() {
  if (!death_seen_) return std::nullopt;
  return fmt::format("the controller ended with exit code {}; it is started again in {:.1f} s",
                     controller_->exit_code().value_or(0), to_seconds(restarts_.wait()));
}

void ClusterProcesses::end(Duration patience) {
  const auto deadline = Deadline::after(clock_, patience);
  if (ranks_) (void)ranks_->wait(clock_, deadline);
  for (auto& rank : late_ranks_) (void)rank.wait(clock_, deadline);
  if (controller_) (void)controller_->wait(clock_, deadline);
  for (auto& rank : late_ranks_) rank.end(std::chrono::seconds(1));
  if (ranks_) ranks_->end(std::chrono::seconds(1));
  if (controller_) controller_->end(std::chrono::seconds(1));
}

ClusterProcesses::~ClusterProcesses() {
  late_ranks_.clear();
  ranks_.reset();
  controller_.reset();
  std::error_code error;
  if (temporary_) std::filesystem::remove_all(places_.directory, error);
}

}  // namespace switchyard::launcher

#include "launcher/commands/controller.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "launcher/run_file.h"
#include "launcher/tls_files.h"
#include "runtime/control/residency_text.h"
#include "runtime/net/controller_server.h"

namespace switchyard::launcher {
namespace {

Result<control::LossPolicy> loss_policy(const std::string& name) {
  if (name == "reload") return control::LossPolicy::kReload;
  if (name == "mask") return control::LossPolicy::kMask;
  if (name == "fail") return control::LossPolicy::kFail;
  return fail(ErrorCode::kUsage, "--loss: '{}' is unknown; use reload, mask or fail", name);
}

// 0: not looked at.
std::optional<double> target_of(double value, double scale = 1) {
  return value > 0 ? std::optional(value * scale) : std::nullopt;
}

Result<control::ScalingConfig> scaling_config(const config::ClusterSection& cluster,
                                              std::uint32_t ranks) {
  control::ScalingConfig scaling;
  SY_ASSIGN(scaling.mode, control::parse_scaling_mode(cluster.autoscale));
  scaling.ranks = {cluster.experts_min, cluster.experts_max == 0 ? ranks : cluster.experts_max};
  scaling.targets.busy_share = cluster.busy_target;
  constexpr double kUsPerMs = 1e3;
  scaling.targets.queue_delay_us_p95 = target_of(cluster.queue_target_ms, kUsPerMs);
  scaling.targets.step_us_p95 = target_of(cluster.step_target_ms, kUsPerMs);
  scaling.targets.cpu_share = target_of(cluster.cpu_target);
  scaling.targets.memory_share = target_of(cluster.memory_target);
  // Without room above what was asked for, copies are the operator's affair alone.
  if (cluster.replicas_max > cluster.replicas) {
    scaling.targets.load_max_over_mean = target_of(cluster.imbalance_target);
  } else {
    scaling.targets.load_max_over_mean.reset();
  }
  scaling.replicas = {cluster.replicas, std::max(cluster.replicas, cluster.replicas_max)};
  scaling.ranks.min = std::max(scaling.ranks.min, scaling.replicas.min);
  scaling.interval = std::chrono::milliseconds(cluster.autoscale_interval_ms);
  scaling.metrics_window = std::min<Duration>(scaling.interval, std::chrono::seconds(5));
  const Duration window = std::chrono::milliseconds(cluster.autoscale_window_ms);
  scaling.stabilisation_down = window;
  scaling.dwell_min = window;
  scaling.cooldown_up = std::min<Duration>(scaling.cooldown_up, window);
  scaling.cooldown_down = std::min<Duration>(scaling.cooldown_down, window);
  SY_TRY(scaling.validate());
  return scaling;
}

Result<control::BalancingConfig> balancing_config(const config::ClusterSection& cluster) {
  control::BalancingConfig balancing;
  SY_ASSIGN(balancing.mode, control::parse_balancing_mode(cluster.rebalance));
  balancing.window = std::chrono::milliseconds(cluster.rebalance_window_ms);
  balancing.interval = std::chrono::milliseconds(cluster.rebalance_interval_ms);
  balancing.cooldown = std::chrono::milliseconds(cluster.rebalance_cooldown_ms);
  balancing.copies_per_view = cluster.rebalance_copies;
  balancing.extra_slots = cluster.extra_slots;
  SY_ASSIGN(balancing.objective, placement::parse_objective(cluster.rebalance_objective));
  balancing.step_tokens = cluster.rebalance_step_tokens;
  balancing.speeds = cluster.rank_speeds == "measured" ? control::RankSpeeds::kMeasured
                                                       : control::RankSpeeds::kEqual;
  balancing.reach =
      cluster.every_region ? control::CopiesReach::kEveryRegion : control::CopiesReach::kAnywhere;
  balancing.limits.imbalance_min = cluster.rebalance_imbalance;
  SY_TRY(balancing.validate());
  return balancing;
}

Result<net::Secret> secret_of(const std::string& path) {
  if (path.empty()) return net::Secret();
  return net::read_or_make_secret_file(path);
}

std::string whole_path(const std::string& path) {
  std::error_code ignored;
  return path.empty() ? path : std::filesystem::absolute(path, ignored).string();
}

// When a rank is taken for dead, or not waited for any longer.
void set_detection(const config::ClusterSection& cluster, control::ControllerOptions& options) {
  using std::chrono::milliseconds;
  control::HealthConfig& health = options.health;
  options.start_deadline = milliseconds(cluster.start_timeout_ms);
  health.register_max = options.start_deadline / 2;
  health.compute_max = milliseconds(cluster.compute_timeout_ms);
  health.stuck_dead = milliseconds(cluster.stuck_timeout_ms);
  health.stuck_suspect = health.stuck_dead / 3;
  // Where more silence is allowed than usual, the rest of it says nothing, also not to those who
  // have another sign; nor does a load report that is missing meanwhile.
  const Duration silence = milliseconds(cluster.silence_timeout_ms);
  const Duration more = std::max(silence - health.serving.silent_dead, Duration::zero());
  health.metrics_age_max += more;
  for (control::PhaseBudget* phase : {&health.serving, &health.draining, &health.parked}) {
    phase->silent_suspect = more;
    phase->silent_dead = silence;
  }
}

class ControllerCommand final : public Command {
 public:
  std::string_view name() const override { return "controller"; }
  std::string_view summary() const override {
    return "keep a cluster: membership, recovery, scaling (launch starts one by itself)";
  }
  std::string_view examples() const override {
    return "  switchyard controller --ranks 6 --spares 1 --port 7070\n"
           "  switchyard controller --ranks 6 --listen 10.0.0.1 --port 7070 --secret-file FILE \\\n"
           "      --tls-cert controller.pem --tls-key controller.key --tls-ca ca.pem\n";
  }
  void add_flags(CLI::App& app) override {
    app.add_option("--listen", listen_.host, "address for agents and clients");
    app.add_option("--port", listen_.port, "its port; 0: any free one");
    app.add_option("--admin-listen", admin_.host, "address for HTTP");
    app.add_option("--admin-port", admin_.port, "its port; 0: any free one");
    app.add_flag("--no-admin", no_admin_, "no HTTP at all");
    app.add_option("--admin-token-file", admin_token_file_,
                   "file with the bearer token for HTTP; made if it is not there");
    app.add_option("--secret-file", secret_file_,
                   "file with the cluster's secret; made if it is not there");
    app.add_option("--journal", journal_, "file to remember requests and views in");
    app.add_option("--log-file", log_file_,
                   "file for the log, put aside when it is full; else it goes to stderr");
    app.add_option("--run-file", run_file_, "where to write the address for other commands");
  }

  Result<void> run(Invocation& invocation) override {
    SY_ASSIGN(const auto options, controller_options(invocation.run()));
    control::Controller controller(options);
    SY_ASSIGN(auto journal, open_journal(controller));
    SY_ASSIGN(const auto log, open_log(invocation.run().log));
    SY_ASSIGN(auto served, server_options(options, invocation.run()));
    const auto tls = served.tls;
    SY_ASSIGN(const auto server,
              net::ControllerServer::create(std::move(served), net::brain_of(controller),
                                            std::move(journal), log));
    SY_TRY(announce(*server, tls.get()));
    server->run();
    std::error_code ignored;
    if (!run_file_.empty()) std::filesystem::remove(run_file_, ignored);
    return {};
  }

 private:
  Result<control::ControllerOptions> controller_options(const config::RunConfig& run) const {
    control::ControllerOptions options;
    options.ranks = run.cluster.ranks == 0 ? 1 : static_cast<std::uint32_t>(run.cluster.ranks);
    options.spares = static_cast<std::uint32_t>(run.cluster.spares);
    options.placement = run.cluster.placement;
    options.prepare_deadline = std::chrono::milliseconds(run.cluster.prepare_timeout_ms);
    set_detection(run.cluster, options);
    options.change_deadline = std::chrono::milliseconds(run.cluster.change_timeout_ms);
    options.spawns_max = static_cast<std::uint32_t>(run.cluster.spawns);
    options.replicas = static_cast<std::uint32_t>(run.cluster.replicas);
    SY_ASSIGN(options.scaling, scaling_config(run.cluster, options.ranks));
    SY_ASSIGN(options.balancing, balancing_config(run.cluster));
    options.attempts_max = static_cast<std::uint32_t>(run.cluster.attempts_max);
    options.retries.ratio = run.cluster.retry_ratio;
    options.retries.per_second_min = run.cluster.retry_per_second;
    SY_TRY(options.retries.validate());
    options.retry_wait.base = std::chrono::milliseconds(run.cluster.retry_base_ms);
    options.retry_wait.cap = std::chrono::milliseconds(run.cluster.retry_cap_ms);
    SY_TRY(options.retry_wait.validate());
    // Of the jitter only: controllers of different runs shall not retry in step.
    options.seed = static_cast<std::uint64_t>(::getpid());
    options.results_kept = std::chrono::milliseconds(run.cluster.results_kept_ms);
    SY_ASSIGN(options.residency, control::parse_residency(run.cluster.residency));
    SY_ASSIGN(options.loss, loss_policy(run.cluster.loss));
    options.loss_wait = std::chrono::milliseconds(run.cluster.loss_wait_ms);
    if (options.spares >= options.ranks) {
      return fail(ErrorCode::kUsage, "--spares {} of {} ranks leaves no rank to work",
                  options.spares, options.ranks);
    }
    return options;
  }

  Result<std::optional<net::JournalFile>> open_journal(control::Controller& controller) const {
    if (journal_.empty()) return std::optional<net::JournalFile>();
    SY_ASSIGN(auto opened, net::JournalFile::open(journal_));
    const SteadyClock clock;
    if (auto replayed = controller.replay(opened.records, clock.now()); !replayed) {
      return with_place(std::move(replayed).error(), fmt::format("journal {}", journal_));
    }
    say_if_over(controller.status_json(clock.now()));
    return std::optional<net::JournalFile>(std::move(opened.file));
  }

  // It then ends as soon as no rank is left, which may be at once.
  void say_if_over(const std::string& status_json) const {
    static const nlohmann::json::json_pointer kPhase("/cluster/phase");
    const auto status = nlohmann::json::parse(status_json, nullptr, false);
    if (!status.contains(kPhase) || status[kPhase] != "leaving") return;
    std::fprintf(
        stderr,
        "switchyard: journal %s: the run that it tells of was told to end; this controller "
        "takes no work and ends when no rank is left. A new run needs another --journal\n",
        journal_.c_str());
  }

  Result<net::ServerOptions> server_options(const control::ControllerOptions& options,
                                            const config::RunConfig& run) const {
    net::ServerOptions server;
    server.listen = listen_;
    if (!no_admin_) server.admin = admin_;
    SY_ASSIGN(server.secret, secret_of(secret_file_));
    SY_ASSIGN(server.admin_token, secret_of(admin_token_file_));
    SY_ASSIGN(server.tls, open_tls(run.tls));
    server.tick_interval = options.tick_interval;
    server.signals = net::Signals::kStop;
    // `launch` sees in the state which slots are awaited and starts their processes: they are to
    // outlive this one.
    server.spawn = [](RankId) {};
    return server;
  }

  // Whatever log.format says: each line is a JSON object of its own.
  Result<Log> open_log(const config::LogSection& log) const {
    if (!log_file_.empty()) {
      constexpr std::uint32_t kFullFilesKept = 3;
      ::umask(S_IRWXG | S_IRWXO);  // each new file is its owner's alone, as the first one
      return make_file_log({log_file_, log.file_bytes_max, kFullFilesKept}, log.level);
    }
    SY_ASSIGN(auto to_stderr, make_log(RankId(), log.level));
    to_stderr->set_pattern("%v");
    return to_stderr;
  }

  // `tls` null: plain.
  Result<void> announce(const net::ControllerServer& server, const net::TlsIdentity* tls) const {
    const auto where = server.listening();
    const auto admin = server.admin_listening();
    std::printf("controller on %s\n", net::to_string(where).c_str());
    const char* scheme = tls == nullptr ? "http" : "https";
    if (admin) std::printf("admin on %s://%s\n", scheme, net::to_string(*admin).c_str());
    std::fflush(stdout);
    if (run_file_.empty()) return {};
    RunFile run;
    run.controller = where;
    run.secret_file = whole_path(secret_file_);
    run.admin = admin;
    if (admin) run.admin_token_file = whole_path(admin_token_file_);
    run.pid = ::getpid();
    if (tls != nullptr) {
      const auto& files = tls->files();
      run.tls = net::TlsFiles{whole_path(files.certificate), whole_path(files.key),
                              whole_path(files.authority)};
    }
    return write_run_file(run_file_, run);
  }

  net::Endpoint listen_{"127.0.0.1", 0};
  net::Endpoint admin_{"127.0.0.1", 0};
  bool no_admin_ = false;
  std::string admin_token_file_;
  std::string secret_file_;
  std::string journal_;
  std::string log_file_;
  std::string run_file_;
};

}  // namespace

std::unique_ptr<Command> make_controller_command() { return std::make_unique<ControllerCommand>(); }

}  // namespace switchyard::launcher

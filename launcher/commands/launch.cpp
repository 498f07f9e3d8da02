#include "launcher/commands/launch.h"

#include <stdlib.h>

#include <filesystem>

#include "launcher/cluster_run.h"
#include "launcher/config_flags.h"
#include "launcher/exit_code.h"
#include "launcher/launch/launched_run.h"
#include "launcher/launch/residency_note.h"
#include "launcher/run_file.h"
#include "launcher/stop_watch.h"
#include "runtime/base/output_file.h"
#include "runtime/control/residency_text.h"
#include "runtime/placement/places.h"

namespace switchyard::launcher {
namespace {

// The command that follows the launch flags, with its own flags and settings.
struct Inner {
  std::unique_ptr<Command> command;
  config::EffectiveConfig config;
};

Result<std::unique_ptr<Command>> find_launchable(const std::string& name) {
  for (auto& command : make_commands()) {
    if (command->name() == name) return std::move(command);
  }
  return fail(ErrorCode::kUsage,
              "launch: '{}' is no command that can be launched; there is: generate", name);
}

bool is_config_file(const std::string& word) {
  return word.ends_with(".yaml") || word.ends_with(".yml");
}

// Where `status` and its like look for the running cluster of this user, while it runs.
class PublicRunFile {
 public:
  PublicRunFile(const std::string& from, std::string to) : path_(std::move(to)) {
    const auto run = read_run_file(from);
    // Without a home, or where it cannot be written, --run-file still finds the cluster.
    if (path_.empty() || !run || !write_run_file(path_, *run)) path_.clear();
    if (run) controller_ = run->controller;
  }
  // A later launch may have put its own there; that one stays.
  ~PublicRunFile() {
    if (path_.empty()) return;
    const auto now = read_run_file(path_);
    std::error_code ignored;
    if (now && net::to_string(now->controller) == net::to_string(controller_)) {
      std::filesystem::remove(path_, ignored);
    }
  }
  PublicRunFile(const PublicRunFile&) = delete;
  PublicRunFile& operator=(const PublicRunFile&) = delete;

 private:
  std::string path_;
  net::Endpoint controller_;
};

class LaunchCommand final : public Command {
 public:
  std::string_view name() const override { return "launch"; }
  std::string_view summary() const override {
    return "start a cluster that survives its ranks, and run a command on it";
  }
  std::string_view examples() const override {
    return "  switchyard launch -n 4 generate --preset demo --prompt \"Once upon a time\"\n"
           "  switchyard launch -n 6 --routers 2 --spares 1 --replicas 2 generate --model DIR \\\n"
           "      --prompts FILE.jsonl --out answers.jsonl\n"
           "  switchyard launch configs/cluster.yaml generate --prompt \"...\"\n"
           "\nSettings may stand before or after the command. A rank that is killed is replaced "
           "or\n"
           "done without; the texts that come out are the same, to the byte. Ctrl-C ends the\n"
           "requests with what they have. From another terminal: switchyard status, scale, "
           "drain.\n";
  }
  UsesConfig uses_config() const override { return UsesConfig::kNo; }
  void add_flags(CLI::App& app) override {
    app.add_option("-n", flags_.ranks, "processes to start, routers and spares included")
        ->check(CLI::Range(1, 1024));
    app.add_option("--host", flags_.hosts, "hosts as mpirun takes them: a:2,b:2");
    app.add_option("--btl", flags_.transport, "Open MPI's byte transports, e.g. self,tcp");
    app.add_option("--dir", flags_.directory,
                   "where logs, journal and the controller's address go; default: a temporary one");
    app.add_option("--listen", flags_.listen, "address on which the controller listens");
    app.add_option("--admin-listen", admin_.host, "address for HTTP; default 127.0.0.1");
    app.add_option("--admin-port", admin_.port, "its port; 0 (default): any free one");
    app.add_option("--admin-token-file", flags_.admin_token_file,
                   "file with the bearer token for HTTP; made if it is not there; default: "
                   "admin-token in --dir");
    app.add_flag("--no-admin", no_admin_, "no HTTP at all");
    settings_.add_to(app);
    app.prefix_command();
    app_ = &app;
  }

  Result<void> run(Invocation& invocation) override {
    SY_ASSIGN(auto inner, parse_inner(app_->remaining(), invocation.environment));
    const auto& cluster = inner.config.run.cluster;
    if (flags_.ranks == 0) {
      flags_.ranks = cluster.ranks == 0 ? 4 : static_cast<std::uint32_t>(cluster.ranks);
    }
    const auto program = inner.command->serve(inner.config.run);
    if (program == nullptr) {
      return fail(ErrorCode::kUsage,
                  "launch: '{}' runs under plain mpirun only; what can be launched: generate",
                  inner.command->name());
    }
    flags_.admin = no_admin_ ? std::nullopt : std::optional(admin_);
    SY_TRY(check_size(cluster));
    SY_TRY(check_spawns(cluster));
    SY_TRY(comm::mpi_library());
    SY_ASSIGN(const auto rules, control::parse_residency(cluster.residency));
    SY_ASSIGN(const auto places, placement::parse_places(cluster.regions, flags_.ranks));
    const std::string note = residency_note(rules, places);
    if (!note.empty()) std::fprintf(stderr, "switchyard: warning: %s\n", note.c_str());
    SY_ASSIGN(const auto source, open_weights(inner.config));
    SY_TRY(program->check_input(source->config()));
    if (const auto& trace = inner.config.run.log.trace_out; !trace.empty()) {
      SY_TRY(OutputFile::check(trace));
    }
    engine::StopSignals signals;
    StopWatch stop_watch(signals);
    stop_watch.begun();  // processes to end, at least
    SY_ASSIGN(const auto processes, ClusterProcesses::start(flags_, inner.config));
    const PublicRunFile published(processes->places().in("run.json"),
                                  default_run_file(invocation.environment));
    if (inner.config.run.log.progress) {
      std::fprintf(stderr, "the cluster's run file, for status and the like (--run-file): %s\n",
                   processes->places().in("run.json").c_str());
    }
    LaunchedRun run(
        *processes, *program,
        inner.config.run.log.progress ? ProgressLine::Show::kYes : ProgressLine::Show::kNo,
        signals.stop, inner.config.run.log.trace_out,
        std::chrono::milliseconds(cluster.controller_timeout_ms));
    auto outcome = run.run();
    if (run.ended_in_order()) return outcome;
    if (!outcome) return Unexpected(processes->keep_logs(std::move(outcome).error()));
    return {};
  }

 private:
  // [FILE.yaml] COMMAND [flags]: the command's settings come on top of the launch's.
  Result<Inner> parse_inner(std::vector<std::string> words,
                            const std::map<std::string, std::string>& environment) {
    if (!words.empty() && is_config_file(words.front())) {
      settings_.use_file(words.front());
      words.erase(words.begin());
    }
    if (words.empty()) {
      return fail(ErrorCode::kUsage,
                  "launch: which command? For example: switchyard launch -n 4 generate --preset "
                  "demo --prompt \"...\"");
    }
    Inner inner;
    SY_ASSIGN(inner.command, find_launchable(words.front()));
    CLI::App app(std::string(inner.command->summary()));
    app.name("switchyard launch ... " + words.front());
    inner.command->add_flags(app);
    settings_.add_to(app);
    std::vector<std::string> rest(words.rbegin(), words.rend() - 1);  // CLI11 takes them reversed
    try {
      app.parse(rest);
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) {
        (void)app.exit(error);
        ::exit(kExitOk);
      }
      return fail(ErrorCode::kUsage, "{}: {} (see switchyard launch {} --help)", words.front(),
                  error.what(), words.front());
    }
    SY_ASSIGN(inner.config, settings_.resolve(environment));
    return inner;
  }

  Result<void> check_size(const config::ClusterSection& cluster) const {
    const std::uint64_t routers = std::max<std::uint64_t>(1, cluster.routers);
    const std::uint64_t needed = routers + cluster.spares + (cluster.colocate ? 0 : 1);
    if (needed <= flags_.ranks) return {};
    return fail(ErrorCode::kUsage,
                "launch: {} router(s) and {} spare(s){} need at least {} ranks; -n is {}", routers,
                cluster.spares, cluster.colocate ? "" : " and one expert rank", needed,
                flags_.ranks);
  }

  // The place of a rank is what its residency is judged by, so a replacement elsewhere would be a
  // lie.
  Result<void> check_spawns(const config::ClusterSection& cluster) const {
    if (cluster.spawns == 0 || flags_.hosts.empty()) return {};
    return fail(
        ErrorCode::kUsage,
        "launch: --spawns starts processes on this host only and cannot go with --host; use "
        "--spares");
  }

  LaunchFlags flags_;
  net::Endpoint admin_{"127.0.0.1", 0};
  bool no_admin_ = false;
  ConfigFlags settings_;
  CLI::App* app_ = nullptr;
};

}  // namespace

std::unique_ptr<Command> make_launch_command() { return std::make_unique<LaunchCommand>(); }

}  // namespace switchyard::launcher

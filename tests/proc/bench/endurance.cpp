// What a cluster does over seconds and minutes: its pace before and after a death, and its calm
// beside busy neighbours.
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "tests/proc/bench/modes.h"
#include "tests/proc/scene.h"
#include "tests/proc/tide.h"

namespace switchyard::tests {
namespace {

constexpr double kWindow = 10;  // s

// Steps of the router per second over a window from now on; nothing when the run ends within it.
std::optional<double> steps_per_s(LaunchedCluster& cluster) {
  const auto steps_of = [](const nlohmann::json& status) {
    return status["ranks"][0].value("steps", std::uint64_t{0});
  };
  // From one heartbeat to another: the counter moves only with them.
  const auto next_change = [&]() -> std::optional<std::pair<double, std::uint64_t>> {
    const auto status = cluster.status();
    if (status.is_discarded()) return std::nullopt;
    const auto before = steps_of(status);
    const auto changed = cluster.await([&](const auto& now) { return steps_of(now) != before; });
    if (!changed) return std::nullopt;
    return std::pair(wall_seconds(), steps_of(*changed));
  };
  const auto first = next_change();
  if (!first) return std::nullopt;
  (void)cluster.go_on(std::chrono::duration<double>(kWindow - 0.5));
  const auto last = next_change();
  if (!last) return std::nullopt;
  return static_cast<double>(last->second - first->second) / (last->first - first->first);
}

// Sixteen long answers of a small random model: a steady batch for a minute.
Arguments steady_work(const ScratchFolder& scratch) {
  std::string lines;
  for (int i = 0; i < 16; ++i) {
    lines += nlohmann::json{{"id", std::to_string(i)}, {"tokens", {1 + i, 2, 3}}}.dump() + "\n";
  }
  Arguments arguments = {
      "generate",  "--preset",     "inference",    "--json",
      "--quiet",   "--ignore-eos", "--prompts",    scratch.write("work.jsonl", lines),
      "--context", "8192",         "--max-tokens", "8000"};
  for (const char* size : {"hidden=256", "layers=4", "heads=4", "kv_heads=2", "head_size=64",
                           "vocab=1000", "expert_inner=1024", "context_max=8192"}) {
    arguments.insert(arguments.end(), {"--set", std::string("model.") + size});
  }
  return arguments;
}

// Steps per second in two windows, one after the other.
struct Pace {
  double before = 0;
  double after = 0;
  double left = 1;  // ranks left / ranks
};

// victim: killed between the windows.
std::optional<Pace> pace_of(const Arguments& launch, const Arguments& arguments,
                            std::optional<std::uint32_t> victim) {
  LaunchedCluster cluster(launch, arguments);
  const auto status = cluster.await([](const nlohmann::json& now) {
    return now["view"].is_object() && now["ranks"][0].value("steps", 0U) >= 200;
  });
  const auto before = steps_per_s(cluster);
  if (status && before && victim) LaunchedCluster::send_signal(*status, *victim, SIGKILL);
  const auto after = steps_per_s(cluster);
  cluster.interrupt();
  const auto outcome = cluster.finish();
  if (!before || !after || outcome.exit_code != 0) {
    fmt::print("the run ended early: {}\n", outcome.err);
    return std::nullopt;
  }
  const auto members = static_cast<double>((*status)["view"]["members"].size());
  return Pace{*before, *after, victim ? (members - 1) / members : 1};
}

// Processes that compute without end, as long as this lives.
class BusyNeighbours {
 public:
  explicit BusyNeighbours(int count) {
    for (int i = 0; i < count; ++i) {
      const pid_t pid = ::fork();
      if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (std::atomic<std::uint64_t> turns{0};; ++turns) {
        }
      }
      if (pid > 0) pids_.push_back(pid);
    }
  }
  ~BusyNeighbours() {
    for (const pid_t pid : pids_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }
  BusyNeighbours(const BusyNeighbours&) = delete;
  BusyNeighbours& operator=(const BusyNeighbours&) = delete;

 private:
  std::vector<pid_t> pids_;
};

}  // namespace

bool measure_throughput(int trials, const Arguments& launch) {
  const ScratchFolder scratch;
  const auto arguments = steady_work(scratch);
  bool measured = true;
  for (int trial = 0; trial < trials; ++trial) {
    const auto victim = 1 + static_cast<std::uint32_t>(trial) % 3;
    const auto calm = pace_of(launch, arguments, std::nullopt);
    const auto harmed = pace_of(launch, arguments, victim);
    measured = measured && calm && harmed;
    if (!calm || !harmed) continue;
    // Sequences grow, and their steps with them: what a run without harm loses is no loss by death.
    const double share = (harmed->after / harmed->before) / (calm->after / calm->before);
    fmt::print(
        "trial {}: {:.0f} then {:.0f} steps/s; without harm {:.0f} then {:.0f}: {:.3f}; ranks left "
        "{:.3f}: {:.2f}\n",
        trial, harmed->before, harmed->after, calm->before, calm->after, share, harmed->left,
        share / harmed->left);
    std::fflush(stdout);
  }
  return measured;
}

bool soak(double minutes, int busy, const Arguments& launch) {
  const ScratchFolder scratch;
  Tide calm;
  calm.light_s = 60 * minutes;
  calm.heavy_s = calm.ebb_s = 0;
  calm.light_per_s = 2;
  const auto baseline = run_alone(tide_work(scratch, calm, Arrive::kAtOnce)).json()["sequences"];
  const BusyNeighbours neighbours(busy);
  const double from = wall_seconds();
  LaunchedCluster cluster(launch, tide_work(scratch, calm, Arrive::kByTheClock));
  const auto wrong = difference(cluster.finish(), baseline);
  std::size_t deaths = 0;
  for (const auto& event : cluster.events()) {
    const bool death = event.kind == "rank_dead" || event.kind == "rank_lost";
    if (death) fmt::print("{}\n", event.text);
    deaths += death ? 1 : 0;
  }
  fmt::print(
      "one cluster, {:.1f} minutes beside {} busy processes: {} requests, {} false deaths{}\n",
      (wall_seconds() - from) / 60, busy, baseline.size(), deaths,
      wrong.empty() ? ", texts equal" : ": " + wrong.substr(0, 2000));
  return deaths == 0 && wrong.empty();
}

}  // namespace switchyard::tests

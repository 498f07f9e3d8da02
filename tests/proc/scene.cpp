#include "tests/proc/scene.h"

#include <fmt/format.h>
#include <signal.h>

#include <future>
#include <random>
#include <sstream>

#include "tests/command/exactness_rows.h"

namespace switchyard::tests {
namespace {

// The layout's -n, whatever its transport.
Arguments ranks(const char* count, const Arguments& more = {}) {
  Arguments out = {"-n", count};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

// A rank dies while others load for a change.
std::vector<Scene> interrupted_scenes() {
  const Arguments copies = {"--replicas", "2"};
  const Arguments spare = {"--spares", "1"};
  const Arguments spare_tcp = {"--spares", "1", "--btl", "self,tcp"};
  return {
      {"ScaleInterrupted",
       ranks("5", spare),
       {},
       {1, 4},
       Harm::kKillPrepare,
       1,
       {{"scale", "4"}},
       6},
      {"ScaleInterruptedTcp",
       ranks("5", spare_tcp),
       copies,
       {1, 4},
       Harm::kKillPrepare,
       1,
       {{"scale", "4"}},
       6},
      {"DrainInterrupted", ranks("5"), {}, {2, 3}, Harm::kKillPrepare, 1, {{"drain", "1"}}, 6},
      // Rank 1 is the last that could hold experts, and works on.
      {"LastDrainInterrupted", ranks("3"), {}, {2, 1}, Harm::kKillPrepare, 1, {{"drain", "1"}}, 6},
      {"RebalanceInterrupted",
       ranks("5"),
       {},
       {2, 3},
       Harm::kKillPrepare,
       1,
       {{"drain", "1"}, {"rebalance"}},
       6},
  };
}

// Work that outlasts the five seconds of the stop and the coming back, on a quiet machine too: a
// run that is over before counts for nothing and is played again.
constexpr int kWakeRounds = 36;

std::vector<Scene> make_scenes() {
  const Arguments tcp = {"--btl", "self,tcp"};
  const Arguments copies = {"--replicas", "2"};
  const Arguments spare = {"--spares", "1"};
  std::vector<Scene> out = {
      {"ReplicasSharedMemory", ranks("4"), copies},
      {"ReplicasTcp", ranks("4", tcp), copies},
      {"ReloadSharedMemory", ranks("4"), {}},
      {"ReloadTcp", ranks("4", tcp), {}},
      {"SpareComes", ranks("4", spare), {}, {1, 2}},
      {"TwoDeathsReplicas", ranks("5"), copies, {1, 4}, Harm::kKill, 2},
      {"TwoDeathsReloadTcp", ranks("5", tcp), {}, {1, 4}, Harm::kKill, 2},
      {"RouterDies", ranks("4"), {"--routers", "2"}, {0, 2}},
      {"RouterDiesTcp", ranks("4", tcp), {"--routers", "2"}, {0, 2}},
      {"ExpertOfTwoRoutersDies", ranks("6"), {"--routers", "2"}, {2, 4}},
      {"ExpertOfTwoRoutersDiesTcp", ranks("6", tcp), {"--routers", "2", "--replicas", "2"}, {2, 4}},
      {"LastRouterDiesSpareComes", ranks("4", spare), {}, {0, 1}},
      {"RouterDiesSampling",
       ranks("4"),
       {"--routers", "2"},
       {0, 2},
       Harm::kKill,
       1,
       {},
       1,
       {"--temperature", "0.9", "--seed", "7"}},
      {"RouterAndExpertDies", ranks("4"), {"--routers", "4", "--colocate"}, {0, 4}},
      {"SpareDies", ranks("4", spare), {}, {3, 1}},
      {"ProcessComes", ranks("4", {"--spawns", "1"}), {}, {1, 3}, Harm::kKill, 1, {}, 4},
      {"ProcessesComeTcp",
       ranks("4", {"--spawns", "2", "--btl", "self,tcp"}),
       copies,
       {1, 3},
       Harm::kKill,
       2,
       {},
       4},
      {"OnlyExpertProcessComes", ranks("2", {"--spawns", "1"}), {}, {1, 1}, Harm::kKill, 1, {}, 4},
      {"RouterProcessComes", ranks("4", {"--spawns", "1"}), {}, {0, 1}, Harm::kKill, 1, {}, 4},
      {"ControllerDies", ranks("4"), {}, {}, Harm::kController},
      {"StoppedAndWoken", ranks("4"), {}, {1, 3}, Harm::kStopAndWake, 1, {}, kWakeRounds},
      {"RouterStoppedAndWoken",
       ranks("5", {"--routers", "2"}),
       {},
       {0, 2},
       Harm::kStopAndWake,
       1,
       {},
       kWakeRounds},
      {"StoppedAndWokenTcp",
       ranks("4", tcp),
       copies,
       {1, 3},
       Harm::kStopAndWake,
       1,
       {},
       kWakeRounds},
  };
  const auto interrupted = interrupted_scenes();
  out.insert(out.end(), interrupted.begin(), interrupted.end());
  return out;
}

// All ranks follow a view and rank 0 (or, after its death, any) has done that many exchanges.
auto steps_reached(std::uint64_t steps) {
  return [steps](const nlohmann::json& status) {
    if (!status["view"].is_object()) return false;
    std::uint64_t most = 0;
    for (const auto& rank : status["ranks"]) most = std::max(most, rank.value("steps", most));
    return most >= steps;
  };
}

class Player {
 public:
  Player(const Scene& scene, unsigned seed, LaunchedCluster& cluster)
      : scene_(scene), engine_(seed), cluster_(cluster) {}

  // False: the run was over before.
  bool harm() {
    switch (scene_.harm) {
      case Harm::kKill: return kill_all();
      case Harm::kKillPrepare: return kill_in_prepare();
      case Harm::kStopAndWake: return stop_and_wake();
      case Harm::kController: return kill_controller();
    }
    return false;
  }

 private:
  std::uint32_t random(std::uint32_t below) {
    return static_cast<std::uint32_t>(engine_()) % below;
  }
  // At a random moment: what the cluster looks like then.
  std::optional<nlohmann::json> later() {
    steps_ += 20 + random(300);
    return cluster_.await(steps_reached(steps_));
  }

  bool kill_all() {
    std::uint32_t victim = random(scene_.victims.count);
    for (int death = 0; death < scene_.deaths; ++death) {
      const auto status = later();
      if (!status) return false;
      LaunchedCluster::send_signal(*status, scene_.victims.first + victim, SIGKILL);
      victim = (victim + 1) % scene_.victims.count;
    }
    return true;
  }

  bool kill_in_prepare() {
    const auto status = later();
    if (!status) return false;
    for (std::size_t i = 0; i < scene_.change.size(); ++i) {
      const auto before = cluster_.events();
      const std::size_t prepared = count_events(before, "view_preparing");
      // A drain under way would have the controller answer "busy" to what follows.
      const char* done = scene_.change[i].front() == "drain" ? "drain_done" : "view_committed";
      const std::size_t ended = count_events(before, done);
      auto asked =
          std::async(std::launch::async, [this, i] { (void)cluster_.command(scene_.change[i]); });
      if (i + 1 < scene_.change.size()) {
        if (!cluster_.await_event(done, ended + 1)) return false;
        continue;
      }
      if (!cluster_.await_event("view_preparing", prepared + 1)) return false;
      LaunchedCluster::send_signal(*status, scene_.victims.first + random(scene_.victims.count),
                                   SIGKILL);
    }
    return true;
  }

  bool stop_and_wake() {
    const auto status = later();
    if (!status) return false;
    const std::uint32_t victim = scene_.victims.first + random(scene_.victims.count);
    const std::size_t joined = count_events(cluster_.events(), "rank_joined");
    LaunchedCluster::send_signal(*status, victim, SIGSTOP);
    (void)cluster_.go_on(std::chrono::seconds(5));
    LaunchedCluster::send_signal(*status, victim, SIGCONT);
    // Taken for dead meanwhile, it finds itself out of date and comes back as a new rank.
    return cluster_.await_event("rank_joined", joined + 1);
  }

  bool kill_controller() {
    if (!later()) return false;
    cluster_.signal_controller(SIGKILL);
    return true;
  }

  const Scene& scene_;
  std::mt19937 engine_;
  LaunchedCluster& cluster_;
  std::uint64_t steps_ = 0;
};

// The change that was interrupted: its ranks had been asked to prepare, and it had not been
// committed or rolled back, when the rank was found dead.
bool fell_into_a_change(const std::vector<LoggedEvent>& events) {
  bool open = false;
  for (const auto& event : events) {
    if (event.kind == "view_preparing") open = true;
    if (event.kind == "view_committed" || event.kind == "view_rolled_back") open = false;
    if (event.kind == "rank_dead" && open) return true;
  }
  return false;
}

}  // namespace

const std::vector<Scene>& scenes() {
  static const std::vector<Scene> all = make_scenes();
  return all;
}

std::string difference(const Outcome& outcome, const nlohmann::json& sequences) {
  if (outcome.exit_code != 0) return fmt::format("exit {}: {}", outcome.exit_code, outcome.err);
  const auto document = outcome.json();
  if (!document.is_object()) return "no JSON: " + outcome.out.substr(0, 400);
  if (document["report"]["conserved"] != true) return "pairs are not conserved";
  if (document["sequences"].size() != sequences.size()) return "another number of sequences";
  std::string out;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    if (document["sequences"][i] != sequences[i]) out += fmt::format("sequence {} differs; ", i);
  }
  return out;
}

Arguments long_run(const ScratchFolder& scratch, int rounds) {
  const std::string once = read_file(exactness_prompts(scratch));
  std::string all;
  for (int round = 0; round < rounds; ++round) {
    std::istringstream lines(once);
    for (std::string line; std::getline(lines, line);) {
      auto prompt = nlohmann::json::parse(line);
      prompt["id"] = fmt::format("{}-{}", prompt["id"].get<std::string>(), round);
      all += prompt.dump() + "\n";
    }
  }
  const auto file = scratch.write(fmt::format("prompts-{}.jsonl", rounds), all);
  return exactness_run(file, {"--max-tokens", "256"});
}

Arguments Stage::alone(const Scene& scene, int rounds) const {
  auto arguments = long_run(scratch_, rounds);
  arguments.insert(arguments.end(), scene.sampling.begin(), scene.sampling.end());
  return arguments;
}

Arguments Stage::run_of(const Scene& scene) const {
  auto arguments = alone(scene, scene.rounds);
  arguments.insert(arguments.end(), scene.command.begin(), scene.command.end());
  return arguments;
}

nlohmann::json Stage::undisturbed(const Scene& scene) {
  const auto arguments = alone(scene, 1);
  auto& once = undisturbed_[arguments];
  if (once.is_null()) once = run_alone(arguments).json()["sequences"];
  nlohmann::json all = nlohmann::json::array();
  for (int round = 0; round < scene.rounds; ++round) {
    for (auto sequence : once) {
      const auto id = sequence["id"].get<std::string>();
      sequence["id"] = fmt::format("{}-{}", id.substr(0, id.find('-')), round);
      all.push_back(std::move(sequence));
    }
  }
  return all;
}

Stage::Played Stage::play(const Scene& scene, unsigned seed, const std::string& keep) {
  const auto expected = undisturbed(scene);
  LaunchedCluster cluster(scene.launch, run_of(scene));
  Player player(scene, seed, cluster);
  Played out;
  out.harmed = player.harm();
  out.wrong = difference(cluster.finish(), expected);
  out.events = cluster.events();
  out.in_change = fell_into_a_change(out.events);
  if (!out.wrong.empty()) {
    out.wrong += "\n" + cluster.log("ranks.log") + cluster.log("controller.log");
    if (!keep.empty()) cluster.keep(keep);
  }
  return out;
}

}  // namespace switchyard::tests

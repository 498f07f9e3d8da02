#include "tests/sim/control/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/base/random.h"
#include "tests/sim/control/sim_client.h"
#include "tests/sim/control/sim_controller.h"
#include "tests/sim/control/sim_start.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kFaultsEnd = seconds(14);
constexpr Duration kQuietEnd = seconds(90);  // by then everything must be done
constexpr std::uint64_t kSkewPurpose = 77;
constexpr std::uint64_t kRulesPurpose = 78;
constexpr std::uint64_t kLossPurpose = 79;
constexpr std::uint64_t kShowPurpose = 80;
constexpr std::uint64_t kReachPurpose = 81;
constexpr std::uint64_t kScalePurpose = 82;
constexpr std::uint64_t kNeededPurpose = 83;
constexpr std::uint64_t kPatiencePurpose = 84;
constexpr std::uint64_t kForgetfulPurpose = 86;
constexpr std::uint32_t kForgotten = 3;   // crashes of the controller in such a scene
constexpr std::uint32_t kNeededMost = 6;  // expert ranks that a load calls for
constexpr std::uint32_t kEmptied = 4;  // ranks that die in such a scene and are not started again
constexpr std::uint32_t kLargeRanks = 64;
constexpr std::uint64_t kLargeEvery = 20;  // one seed in so many is large in any case

class Scenario {
 public:
  Scenario(std::uint64_t seed, Mistake mistake, Size size)
      : world_(seed), start_(world_.time.now()) {
    world_.mistake = mistake;
    shape(seed, size == Size::kLarge || seed % kLargeEvery == 0);
    controller_.emplace(world_, options_);
    client_.emplace(world_, 8 + static_cast<std::uint32_t>(world_.random.next_below(40)));
  }

  Outcome run() {
    controller_->start();
    for (const auto& process : world_.processes) process->start();
    client_->connect();
    plan_faults();
    world_.time.run_until(start_ + kFaultsEnd);
    calm();
    run_while([&] { return !client_->finished(); });
    if (!client_->finished()) {
      world_.checker.violation(fmt::format("only {} requests are done; the cluster: {}",
                                           world_.checker.done().size(), controller_->status()));
    } else {
      end();
    }
    const auto ruled = std::ranges::count_if(world_.checker.done(), [&](const std::string& name) {
      return world_.rule_of(static_cast<std::uint32_t>(std::stoul(name))) != nullptr;
    });
    return {
        world_.checker.violations(),     controller_->events(), world_.checker.committed().value(),
        static_cast<std::size_t>(ruled), world_.changes.acts(), world_.changes.spawned()};
  }

 private:
  std::uint32_t below(std::uint64_t bound) {
    return static_cast<std::uint32_t>(world_.random.next_below(bound));
  }

  void shape(std::uint64_t seed, bool large) {
    const bool ruled =
        world_.mistake == Mistake::kNone && hash_counters(seed, kRulesPurpose) % 3 == 0;
    // A third of the seeds, with rules or without: every expert in each of two regions.
    reaches_ = world_.mistake == Mistake::kNone && hash_counters(seed, kReachPurpose) % 3 == 0;
    std::uint32_t ranks = large ? kLargeRanks : 3 + below(10);
    std::uint32_t routers = 1 + below(std::max(1U, ranks / 4));
    if (ruled) {  // of each kind one in each region
      ranks = std::max(ranks, 6U);
      routers = std::max(routers, 2U);
    }
    const std::uint32_t spares = ranks > 3 ? below(3) : 0;
    const bool both = world_.chance(0.2);  // colocated
    for (std::uint32_t r = 0; r < ranks; ++r) {
      const RankKind kind = r < routers          ? both ? RankKind::kBoth : RankKind::kRouter
                            : r < ranks - spares ? RankKind::kExpert
                                                 : RankKind::kSpare;
      world_.processes.push_back(std::make_unique<SimProcess>(
          world_, RankId(r), kind, (ruled || reaches_) && r % 2 == 1 ? "us" : "eu"));
    }
    if (ruled) {
      world_.rules = {{"eu/gdpr", {"eu"}}, {"us/ccpa", {"us"}}, {"both", {"eu", "us"}}};
      options_.residency = world_.rules;
      options_.residency_wait = seconds(60);  // once all are back there is room for everybody
    }
    if (reaches_) options_.balancing.reach = CopiesReach::kEveryRegion;
    options_.ranks = ranks;
    options_.spares = spares;
    options_.replicas = 1 + below(2);
    options_.placement = world_.chance(0.5) ? "contiguous" : "round-robin";
    options_.start_deadline = seconds(3);
    options_.prepare_deadline = seconds(2);
    // Shorter than many a load takes, so that changes are taken back; shorter than the patience
    // with experts that nobody can load; or longer, as by default.
    const std::uint64_t patience = hash_counters(seed, kPatiencePurpose) % 6;
    options_.change_deadline = seconds(patience == 0 ? 1 : patience % 2 == 0 ? 8 : 40);
    options_.rejoin_window = seconds(2);
    options_.attempts_max = 1'000;
    options_.seed = seed;
    options_.open_per_router_max = 4 + below(40);
    options_.watch_window_bytes = 200;  // two results or so: the client has to be fed
    if (world_.chance(0.5)) options_.health.reconnect_grace = milliseconds(500);
    world_.network.delay_max = milliseconds(1 + below(30));
    world_.load_max = milliseconds(50 + below(1'000));
    if (!ruled) scale(seed);
    begin_.shape(seed, options_);
    world_.changes.expect(options_.scaling, options_.replicas, options_.spawns_max);
    if (world_.mistake == Mistake::kNeverRests) {
      options_.scaling.cooldown_up = options_.scaling.cooldown_down =
          options_.scaling.metrics_window;
    }
    if (world_.mistake != Mistake::kNone) return;
    world_.forgetful = hash_counters(seed, kForgetfulPurpose) % 4 == 0;
    world_.loads_show = hash_counters(seed, kShowPurpose) % 2 == 0;
    skew(seed);
    lose(seed);
  }

  // What becomes of experts whose last copy dies: mostly others load them.
  void lose(std::uint64_t seed) {
    const std::uint64_t drawn = hash_counters(seed, kLossPurpose) % 6;
    if (drawn == 0) world_.loss = LossPolicy::kMask;
    if (drawn == 1) world_.loss = LossPolicy::kFail;
    options_.loss = world_.loss;
    world_.checker.expect(world_.loss);
  }

  // A third of the seeds: loads that drift, and a balancer that follows them restlessly.
  void skew(std::uint64_t seed) {
    const std::uint64_t drawn = hash_counters(seed, kSkewPurpose);
    if (drawn % 3 != 0) return;
    world_.skewed = true;
    world_.skew_seed = drawn;
    BalancingConfig& balancing = options_.balancing;
    balancing.mode = BalancingMode::kActive;
    balancing.window = seconds(3);
    balancing.interval = milliseconds(500);
    balancing.cooldown = seconds(1);
    balancing.copies_per_view = 1 + drawn / 3 % 6;
    balancing.extra_slots = drawn / 18 % 3;
    balancing.limits = {1.05, 0.01};
  }

  // A third of the seeds without rules: an autoscaler in a hurry, a load that it can follow, and
  // processes that may be started where slots are empty.
  void scale(std::uint64_t seed) {
    const std::uint64_t drawn = hash_counters(seed, kScalePurpose);
    const bool wanted =
        world_.mistake == Mistake::kNone ? drawn % 3 == 0 : world_.mistake == Mistake::kNeverRests;
    if (!wanted) return;
    const auto holders = std::ranges::count_if(
        world_.processes, [](const auto& each) { return each->kind() != RankKind::kRouter; });
    const auto most = std::min(kNeededMost, static_cast<std::uint32_t>(holders));
    world_.load = SimLoad{hash_counters(seed, kNeededPurpose), most, start_ + kFaultsEnd};
    options_.spawns_max = static_cast<std::uint32_t>(2 * (drawn / 3 % 4));
    options_.spawn_deadline = seconds(4);
    ScalingConfig& scaling = options_.scaling;
    scaling.mode = ScalingMode::kActive;
    scaling.ranks = {1, most};
    scaling.targets = {};
    scaling.targets.busy_share = SimLoad::kTarget;
    scaling.targets.queue_delay_us_p95 = scaling.targets.memory_share = std::nullopt;
    scaling.interval = scaling.metrics_window = milliseconds(300);
    scaling.stabilisation_down = scaling.cooldown_up = milliseconds(900);
    scaling.cooldown_down = scaling.dwell_min = milliseconds(1'800);
    scaling.panic_factor = 1'000;  // it would not rest then
  }

  SimProcess& any_process() { return *world_.processes[below(world_.processes.size())]; }

  void plan_faults() {
    // Each kind of fault is there in some of the seeds only, so that each also meets calm seas.
    std::vector<void (Scenario::*)()> kinds;
    for (const auto kind :
         {&Scenario::kill_one, &Scenario::drop_one, &Scenario::stop_one, &Scenario::block_some,
          &Scenario::crash_controller, &Scenario::drop_client, &Scenario::slow_down,
          &Scenario::command, &Scenario::hang_one}) {
      if (world_.chance(0.5)) kinds.push_back(kind);
    }
    if (world_.mistake != Mistake::kNone) {
      kinds = {&Scenario::kill_one, &Scenario::crash_controller, &Scenario::command};
    }
    // Empty slots are what processes are started for.
    for (std::uint32_t i = 0; world_.load && i < kEmptied; ++i) {
      world_.time.after(world_.some(kFaultsEnd), [this] { any_process().kill(); });
    }
    begin_.plan(*controller_);
    for (std::uint32_t i = 0; world_.forgetful && i < kForgotten; ++i) {
      world_.time.after(world_.some(kFaultsEnd), [this] { crash_controller(); });
    }
    if (kinds.empty()) return;
    const std::uint32_t count = 2 + below(12);
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto kind = kinds[below(kinds.size())];
      world_.time.after(world_.some(kFaultsEnd), [this, kind] { (this->*kind)(); });
    }
  }

  void kill_one() {
    SimProcess& victim = any_process();
    victim.kill();
    if (!world_.chance(0.6)) return;
    world_.time.after(milliseconds(200) + world_.some(seconds(3)), [&victim] { victim.start(); });
  }
  // Before the first view nobody waits for an engine that hangs, so that nothing tells: one rank
  // may, and the others start without it.
  void hang_one() {
    SimProcess& victim = any_process();
    if (world_.checker.committed() == Epoch()) {
      if (victim.kind() != RankKind::kExpert || std::exchange(hung_early_, true)) return;
    }
    victim.hang();
  }
  void drop_one() { any_process().drop_connection(); }
  void stop_one() {
    any_process().stop_until(world_.time.now() + milliseconds(200) + world_.some(seconds(5)));
  }
  void block_some() {
    const TimePoint until = world_.time.now() + milliseconds(200) + world_.some(seconds(5));
    const std::uint32_t first = below(world_.processes.size());
    const std::uint32_t count = 1 + below(std::max<std::size_t>(1, world_.processes.size() / 3));
    for (std::uint32_t i = 0; i < count; ++i) {
      world_.network.block((first + i) % static_cast<std::uint32_t>(world_.processes.size()),
                           until);
    }
  }
  void crash_controller() { controller_->crash(milliseconds(100) + world_.some(seconds(2))); }
  void drop_client() { client_->drop_connection(); }
  // Loads and messages that take long, some beyond every deadline.
  void slow_down() {
    world_.load_max = milliseconds(100) + world_.some(seconds(6));
    world_.network.delay_max = milliseconds(1) + world_.some(milliseconds(150));
    world_.time.after(seconds(3), [this] {
      world_.load_max = milliseconds(200);
      world_.network.delay_max = milliseconds(5);
    });
  }
  void command() {
    switch (below(7)) {
      case 6: return client_->ask({Wish::kUndrain, below(world_.processes.size())});
      case 5: return client_->ask({Wish::kReplicas, 1 + below(3)});
      case 0: return client_->ask({Wish::kDrain, below(world_.processes.size())});
      case 1: return client_->ask({Wish::kRebalance, 0});
      default: return client_->ask({Wish::kScale, 1 + below(world_.processes.size())});
    }
  }

  // Every process that is gone comes back: the cluster must get over all that was.
  void calm() {
    world_.load_max = milliseconds(200);
    world_.network.delay_max = milliseconds(5);
    for (const auto& process : world_.processes) process->start();
  }

  template <class Goes>
  void run_while(Goes goes) {
    while (goes() && world_.checker.violations().empty() &&
           world_.time.now() < start_ + kQuietEnd) {
      world_.time.run_until(world_.time.now() + milliseconds(500));
    }
  }

  // Nothing that was asked for is under way for ever, and ranks know where they stand.
  void end_changes() {
    const auto draining = [&](const nlohmann::json& rank) {
      return rank.is_object() && !rank["drain_left_s"].is_null();
    };
    run_while([&] {
      const auto now = nlohmann::json::parse(controller_->status(), nullptr, false);
      return now.is_discarded() || std::ranges::any_of(now["ranks"], draining);
    });
    run_while([until = world_.time.now() + seconds(1), this] { return world_.time.now() < until; });
    const auto now = nlohmann::json::parse(controller_->status(), nullptr, false);
    if (now.is_discarded()) return;
    for (std::size_t r = 0; r < world_.processes.size(); ++r) {
      const SimProcess& process = *world_.processes[r];
      const auto& rank = now["ranks"][r];
      if (draining(rank)) world_.checker.violation(fmt::format("rank {} drains for ever", r));
      if (rank["member"] == true && process.connected() && !process.hung() &&
          process.draining() != rank["cordoned"]) {
        world_.checker.violation(fmt::format("rank {} was not told that its drain ended", r));
      }
    }
  }

  // What deaths took has come back: every expert has the copies that are wanted, as far as there
  // are expert ranks. An engine that hangs may be a member that nobody has reason to suspect.
  void end_copies() {
    const auto hangs = [](const auto& process) { return process->hung(); };
    std::size_t wanted = 0;
    const auto whole = [&] {
      const auto now = nlohmann::json::parse(controller_->status(), nullptr, false);
      if (now.is_discarded() || !now["view"].is_object()) return false;
      wanted = std::min(now["cluster"]["target_replicas"].get<std::size_t>(),
                        world_.checker.expert_ranks());
      return world_.checker.fewest_copies() >= wanted &&
             (!reaches_ || world_.checker.not_everywhere() == 0) &&
             now["view"]["experts_masked"] == world_.checker.masked();
    };
    run_while([&] { return !whole() && std::ranges::none_of(world_.processes, hangs); });
    if (!whole() && std::ranges::none_of(world_.processes, hangs)) {
      world_.checker.violation(
          fmt::format("an expert has {} copies, and {} are wanted; {} are not in every region; {}",
                      world_.checker.fewest_copies(), wanted, world_.checker.not_everywhere(),
                      controller_->status()));
    }
  }

  // The load stands still: there are as many expert ranks as it calls for, or as can be had.
  void end_scaling() {
    if (!world_.load) return;
    const std::uint32_t called_for = world_.load->needed(world_.time.now());
    std::size_t needed = called_for;
    // A rank that could become one, or a slot for which a process may be started.
    const auto more = [&](const nlohmann::json& rank) {
      if (!rank.is_object() || rank["member"] == true) return false;
      if (rank["state"] == "live") return rank["cordoned"] != true && rank["kind"] != "router";
      return world_.changes.spawned() < options_.spawns_max;
    };
    const auto settled = [&] {
      const std::size_t there = world_.checker.expert_ranks();
      const auto now = nlohmann::json::parse(controller_->status(), nullptr, false);
      if (now.is_discarded()) return false;
      // Copies of an expert keep as many ranks.
      needed = std::max<std::size_t>(called_for, now["cluster"]["target_replicas"]);
      if (there >= called_for && there <= needed) return !world_.changes.scaling();
      return there < called_for && std::ranges::none_of(now["ranks"], more);
    };
    const auto hangs = [](const auto& process) { return process->hung(); };
    run_while([&] { return !settled() && std::ranges::none_of(world_.processes, hangs); });
    if (settled() || std::ranges::any_of(world_.processes, hangs)) return;
    world_.checker.violation(fmt::format("the load calls for {} expert ranks and there are {}; {}",
                                         needed, world_.checker.expert_ranks(),
                                         controller_->status()));
  }

  void end() {
    end_changes();
    end_scaling();
    end_copies();
    run_while([&] {
      client_->ask({Wish::kShutdown, 0});
      return !controller_->stopped();
    });
    if (!controller_->stopped()) world_.checker.violation("the cluster did not end");
    if (world_.checker.moving()) world_.checker.violation("moves that were accepted have no end");
  }

  SimWorld world_;
  SimStart begin_{world_};
  TimePoint start_;
  bool hung_early_ = false;
  bool reaches_ = false;
  ControllerOptions options_;
  std::optional<SimController> controller_;
  std::optional<SimClient> client_;
};

}  // namespace

Outcome run_scenario(std::uint64_t seed, Mistake mistake, Size size) {
  return Scenario(seed, mistake, size).run();
}

}  // namespace switchyard::control

// The controller in virtual time: 200 fixed seeds and 20 fresh ones, each with 64 agents and with
// few, and mistakes that must be found. SWITCHYARD_SIM_SEED=n runs one seed and prints what the
// controller decided; SWITCHYARD_SIM_SIZE=64 runs it with 64 agents.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>

#include "tests/sim/control/scenario.h"

namespace switchyard::control {
namespace {

constexpr std::uint64_t kFixedSeeds = 200;
constexpr std::uint64_t kFreshSeeds = 20;

void expect_no_violation(std::uint64_t seed) {
  for (const Size size : {Size::kOfSeed, Size::kLarge}) {
    const Outcome outcome = run_scenario(seed, Mistake::kNone, size);
    for (const std::string& violation : outcome.violations) {
      ADD_FAILURE() << "seed " << seed << ": " << violation
                    << "\nagain: " << (size == Size::kLarge ? "SWITCHYARD_SIM_SIZE=64 " : "")
                    << "SWITCHYARD_SIM_SEED=" << seed
                    << " sim_control --gtest_filter=ControllerSim.TheSeedThatIsAskedFor";
    }
  }
}

TEST(ControllerSim, HoldsItsPromisesOnFixedSeeds) {
  for (std::uint64_t seed = 1; seed <= kFixedSeeds; ++seed) expect_no_violation(seed);
}

TEST(ControllerSim, HoldsItsPromisesOnFreshSeeds) {
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  for (std::uint64_t i = 0; i < kFreshSeeds; ++i) {
    expect_no_violation(static_cast<std::uint64_t>(now) + i);
  }
}

TEST(ControllerSim, TheSeedThatIsAskedFor) {
  const char* asked = std::getenv("SWITCHYARD_SIM_SEED");
  if (asked == nullptr) GTEST_SKIP() << "SWITCHYARD_SIM_SEED is not set";
  const Size size = std::getenv("SWITCHYARD_SIM_SIZE") != nullptr ? Size::kLarge : Size::kOfSeed;
  const Outcome outcome = run_scenario(std::strtoull(asked, nullptr, 10), Mistake::kNone, size);
  for (const std::string& event : outcome.events) std::cout << event << '\n';
  for (const std::string& violation : outcome.violations) ADD_FAILURE() << violation;
}

// Loads that drift, faults as in all seeds: experts follow the loads, and where a fault comes
// between the batches the rest is given up; what the other tests check holds all the same.
TEST(ControllerSim, RebalancesUnderFaults) {
  std::size_t done = 0;
  std::size_t abandoned = 0;
  std::size_t outlived = 0;  // by the controller's death
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Outcome outcome = run_scenario(seed);
    EXPECT_TRUE(outcome.violations.empty()) << "seed " << seed << ": " << outcome.violations[0];
    for (const std::string& event : outcome.events) {
      done += event.find(" rebalance_done:") != std::string::npos;
      abandoned += event.find(" rebalance_abandoned:") != std::string::npos;
      outlived += event.find("abandoned: the controller came back before") != std::string::npos;
    }
  }
  EXPECT_GE(done, 20U);
  EXPECT_GE(abandoned, 1U);
  EXPECT_GE(outlived, 1U);
}

// Two regions with rules, experts that are masked or fail their requests, and journals that lose
// their end: such scenes are among the seeds, and what they are there for happens in them.
TEST(ControllerSim, HasScenesWithRulesAndEveryLossPolicy) {
  std::size_t ruled = 0;
  std::size_t masked = 0;
  std::size_t failed = 0;
  std::size_t taken_back = 0;
  std::size_t replicas = 0;
  std::size_t unknown = 0;  // views that ranks follow and the journal does not know
  for (std::uint64_t seed = 1; seed <= kFixedSeeds; ++seed) {
    const Outcome outcome = run_scenario(seed);
    EXPECT_TRUE(outcome.violations.empty()) << "seed " << seed << ": " << outcome.violations[0];
    ruled += outcome.ruled_requests;
    for (const std::string& event : outcome.events) {
      masked += event.find(" experts_masked:") != std::string::npos;
      failed += event.find("expert_lost:") != std::string::npos;
      taken_back += event.find("_taken_back:") != std::string::npos;
      replicas += event.find(" replicas_done:") != std::string::npos;
      unknown += event.find(" epoch_unknown:") != std::string::npos;
    }
  }
  EXPECT_GE(ruled, 100U);
  EXPECT_GE(masked, 1U);
  EXPECT_GE(failed, 1U);
  EXPECT_GE(taken_back, 1U);
  EXPECT_GE(replicas, 1U);
  EXPECT_GE(unknown, 5U);
}

// A load that moves, an autoscaler that follows it, and processes that are started: such scenes are
// among the seeds. The checkers see to it that changes come one at a time, within the limits and
// with rests, and that the size is right once the load stands still.
TEST(ControllerSim, FollowsALoadUnderFaults) {
  std::size_t scenes = 0;
  std::size_t acts = 0;
  std::size_t spawned = 0;
  std::size_t by_load = 0;  // processes that the autoscaler asked for
  std::size_t failed = 0;   // that never came
  for (std::uint64_t seed = 1; seed <= kFixedSeeds; ++seed) {
    const Outcome outcome = run_scenario(seed);
    EXPECT_TRUE(outcome.violations.empty()) << "seed " << seed << ": " << outcome.violations[0];
    scenes += outcome.acts_by_load > 0;
    acts += outcome.acts_by_load;
    spawned += outcome.spawned;
    for (const std::string& event : outcome.events) {
      by_load += event.find(" scaling_act:") != std::string::npos &&
                 event.find("spawn") != std::string::npos;
      failed += event.find(" spawn_failed:") != std::string::npos;
    }
  }
  EXPECT_GE(scenes, 20U);
  EXPECT_GE(acts, 60U);
  EXPECT_GE(spawned, 10U);
  EXPECT_GE(by_load, 1U);
  EXPECT_GE(failed, 1U);
}

// The same seed is the same run, or a failure could not be looked into.
TEST(ControllerSim, IsTheSameRunForTheSameSeed) {
  const Outcome first = run_scenario(7);
  const Outcome second = run_scenario(7);
  EXPECT_EQ(first.events, second.events);
  EXPECT_GT(first.epochs, 0U);
}

// Canaries: with a mistake built in, some seed must show it.
bool found(Mistake mistake, std::string_view words) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    for (const std::string& violation : run_scenario(seed, mistake).violations) {
      if (violation.find(words) != std::string::npos) return true;
    }
  }
  return false;
}

TEST(ControllerSimCanary, ARouterThatStartsOverIsFound) {
  EXPECT_TRUE(found(Mistake::kStartsOver, "has other tokens"));
}

TEST(ControllerSimCanary, ARouterThatAdoptsTooEarlyIsFound) {
  EXPECT_TRUE(found(Mistake::kAdoptsEarly, "while a router is older"));
}

TEST(ControllerSimCanary, AJournalThatForgetsEpochsIsFound) {
  EXPECT_TRUE(found(Mistake::kForgetsEpochs, "is committed after") ||
              found(Mistake::kForgetsEpochs, "two different views"));
}

TEST(ControllerSimCanary, AnAutoscalerThatNeverRestsIsFound) {
  EXPECT_TRUE(found(Mistake::kNeverRests, "after the last time"));
}

}  // namespace
}  // namespace switchyard::control

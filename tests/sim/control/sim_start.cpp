#include "tests/sim/control/sim_start.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/base/random.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kPurpose = 85;
constexpr std::uint64_t kEvery = 8;  // one seed in so many
constexpr std::uint64_t kDeathsMost = 3;
constexpr Duration kDeathsEnd = milliseconds(700);

// Those that live have the roles among them, nobody is on its way, and no view is being prepared.
bool waits_for_the_dead(const nlohmann::json& now, const std::vector<std::string>& events) {
  if (now["view"].is_object() || now["transaction"].is_object()) return false;
  bool routes = false;
  bool holds = false;
  for (const auto& rank : now["ranks"]) {
    const bool comes = rank["state"] == "empty" || rank["state"] == "lost";
    if (comes || rank["awaited"] == true) return false;
    if (rank["state"] != "live") continue;
    routes = routes || rank["kind"] != "expert";
    holds = holds || rank["kind"] != "router";
  }
  // Who could not prepare is given nothing for a while.
  const auto unfit = [](const std::string& event) {
    return event.find("did not prepare") != std::string::npos;
  };
  return routes && holds && std::ranges::none_of(events, unfit);
}

}  // namespace

void SimStart::shape(std::uint64_t seed, ControllerOptions& options) {
  const std::uint64_t drawn = hash_counters(seed, kPurpose);
  if (world_.mistake != Mistake::kNone || drawn % kEvery != 0) return;
  deaths_ = 1 + static_cast<std::uint32_t>(drawn / kEvery % kDeathsMost);
  options.start_deadline = seconds(1'000);
  if (options.spawns_max > 0 || drawn / (kEvery * kDeathsMost) % 2 == 0) return;
  options.spawns_max = 2;
  options.spawn_deadline = seconds(4);
}

void SimStart::plan(SimController& controller) {
  for (std::uint32_t i = 0; i < deaths_; ++i) {
    world_.time.after(world_.some(kDeathsEnd), [this] { die(); });
  }
  if (deaths_ > 0) watch(controller);
}

void SimStart::die() {
  if (world_.checker.committed() != Epoch()) return;
  const bool router = world_.chance(0.5);
  const std::size_t any = world_.random.next_below(world_.processes.size());
  SimProcess& victim = *world_.processes[router ? 0 : any];
  // Of one that dies before it registers nobody can know.
  if (victim.connected()) return victim.kill();
  world_.time.after(milliseconds(10), [this] { die(); });
}

void SimStart::watch(SimController& controller) {
  if (world_.checker.committed() != Epoch()) return;
  const auto now = nlohmann::json::parse(controller.status(), nullptr, false);
  if (!now.is_discarded() && waits_for_the_dead(now, controller.events())) {
    return world_.checker.violation("the first view waits for the dead; " + now.dump());
  }
  world_.time.after(milliseconds(100), [this, &controller] { watch(controller); });
}

}  // namespace switchyard::control

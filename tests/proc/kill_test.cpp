// The unkillable law over real processes: whatever is killed or stopped while sixteen sequences are
// generated, the texts and the digests of their logits are those of an undisturbed run.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/proc/scene.h"

namespace switchyard::tests {
namespace {

class Killed : public ::testing::TestWithParam<Scene> {
 protected:
  static Stage& stage() {
    static Stage all;
    return all;
  }
};

bool came_back(const std::vector<LoggedEvent>& events) {
  bool dead = false;
  for (const auto& event : events) {
    dead |= event.kind == "rank_dead";
    if (dead && event.kind == "rank_joined") return true;
  }
  return false;
}

// Somebody came, and the last view has as many members as the first. Between the two there is none
// where nobody was left who could load.
bool full_again(const std::vector<LoggedEvent>& events) {
  const auto members = [](const LoggedEvent& event) {
    const auto at = event.text.find("): ");
    return event.text.substr(at, event.text.find(" members", at) - at);
  };
  std::vector<std::string> sizes;
  for (const auto& event : events) {
    if (event.kind == "view_committed") sizes.push_back(members(event));
  }
  return came_back(events) && sizes.size() > 1 && sizes.back() == sizes.front();
}

std::string lines_of(const std::vector<LoggedEvent>& events) {
  std::string out;
  for (const auto& event : events) out += event.kind + ": " + event.text + "\n";
  return out;
}

bool spawns(const Scene& scene) {
  return std::ranges::find(scene.launch, "--spawns") != scene.launch.end();
}

TEST_P(Killed, ChangesNoToken) {
  const Scene& scene = GetParam();
  const bool loads = scene.harm == Harm::kKillPrepare;
  // A change that was over before the signal arrived is tried again with another seed.
  constexpr unsigned kSeeds = 6;
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto played = stage().play(scene, seed);
    ASSERT_EQ(played.wrong, "");
    if (!played.harmed || (loads && !played.in_change)) continue;
    if (spawns(scene)) {
      EXPECT_TRUE(full_again(played.events)) << lines_of(played.events);
    }
    return;
  }
  FAIL() << "the run was over before the harm was done";
}

INSTANTIATE_TEST_SUITE_P(Scenes, Killed, ::testing::ValuesIn(scenes()),
                         [](const auto& scene) { return scene.param.name; });

}  // namespace
}  // namespace switchyard::tests

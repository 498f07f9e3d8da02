// The unkillable law over real processes: whatever is killed or stopped while sixteen sequences are
// generated, the texts and the digests of their logits are those of an undisturbed run.
#include <gtest/gtest.h>

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
    return;
  }
  FAIL() << "the run was over before the harm was done";
}

INSTANTIATE_TEST_SUITE_P(Scenes, Killed, ::testing::ValuesIn(scenes()),
                         [](const auto& scene) { return scene.param.name; });

}  // namespace
}  // namespace switchyard::tests

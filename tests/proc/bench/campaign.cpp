// Many runs of the kill test's scenes, each harmed at another moment.
#include <fmt/format.h>

#include "tests/proc/bench/modes.h"
#include "tests/proc/scene.h"

namespace switchyard::tests {

bool campaign(int runs, unsigned first_seed, const std::string& keep) {
  struct Tally {
    int harmed = 0;
    int wrong = 0;
    int over = 0;       // before the signal
    int in_change = 0;  // found dead while a change of the view was being prepared
  };
  std::map<std::string, Tally> tallies;
  Stage stage;
  int harmed = 0;
  int wrong = 0;
  // A run that is over before its signal is not counted; a campaign of only such runs ends too.
  for (unsigned i = 0; harmed < runs && i < 3U * static_cast<unsigned>(runs); ++i) {
    const Scene& scene = scenes()[i % scenes().size()];
    const unsigned seed = first_seed + i;
    const auto folder = keep.empty() ? keep : fmt::format("{}/{}-{}", keep, scene.name, seed);
    const auto played = stage.play(scene, seed, folder);
    Tally& tally = tallies[scene.name];
    (played.harmed ? tally.harmed : tally.over) += 1;
    tally.in_change += played.in_change ? 1 : 0;
    harmed += played.harmed ? 1 : 0;
    if (!played.wrong.empty()) {
      ++tally.wrong;
      ++wrong;
      fmt::print("{} seed {}: {}\n", scene.name, seed, played.wrong.substr(0, 3000));
    }
    fmt::print(stderr, "{} of {}: {} seed {}\n", harmed, runs, scene.name, seed);
    std::fflush(stdout);
  }
  for (const auto& [name, tally] : tallies) {
    fmt::print("{:<24} {:3} harmed, {} wrong, {} over before, {} within a change\n", name,
               tally.harmed, tally.wrong, tally.over, tally.in_change);
  }
  fmt::print("{} of {} runs ended with equal texts and conserved pairs\n", harmed - wrong, harmed);
  return wrong == 0 && harmed == runs;
}

}  // namespace switchyard::tests

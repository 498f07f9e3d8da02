// tests/proc/scene.h -- what is done to a cluster in mid-generation, and what must come out of it:
// the texts of an undisturbed run, to the digests of their logits, and every pair accounted for.
// Shared by the test with fixed seeds and by the campaign of many. For tests only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/proc/launched_cluster.h"

namespace switchyard::tests {

enum class Harm {
  kKill,         // SIGKILL to `deaths` ranks, one after the other
  kKillPrepare,  // SIGKILL while a change of the view is being prepared: `change` asks for it
  kStopAndWake,  // SIGSTOP for five seconds, then SIGCONT
  kController,   // SIGKILL to the controller
};

// The ranks first .. first+count-1.
struct Victims {
  std::uint32_t first = 1;
  std::uint32_t count = 3;
};

struct Scene {
  std::string name;
  Arguments launch;   // flags of launch
  Arguments command;  // flags of generate
  Victims victims{};
  Harm harm = Harm::kKill;
  int deaths = 1;
  std::vector<Arguments> change{};  // kKillPrepare: commands; the last one is interrupted
  int rounds = 1;                   // how often the sixteen prompts are answered
  Arguments sampling{};             // of the undisturbed run too; else greedy
};

// All that a cluster must survive.
[[nodiscard]] const std::vector<Scene>& scenes();

// Plays scenes on the same prompts; remembers what undisturbed runs say.
class Stage {
 public:
  struct Played {
    bool harmed = false;     // the run was not over before
    bool in_change = false;  // a rank was found dead while a change of the view was being prepared
    std::string wrong;       // empty: nothing
    std::vector<LoggedEvent> events;
  };
  // Victims and moments follow from the seed. keep: where the logs of a run that went wrong go.
  [[nodiscard]] Played play(const Scene& scene, unsigned seed, const std::string& keep = {});

 private:
  // One round is generated: in each round the same comes of the same prompts.
  [[nodiscard]] nlohmann::json undisturbed(const Scene& scene);
  [[nodiscard]] Arguments alone(const Scene& scene, int rounds) const;
  [[nodiscard]] Arguments run_of(const Scene& scene) const;

  ScratchFolder scratch_;
  std::map<Arguments, nlohmann::json> undisturbed_;  // of one round, by its command
};

// generate with the sixteen prompts, `rounds` times over, 256 tokens each. Writes them to the
// folder.
[[nodiscard]] Arguments long_run(const ScratchFolder& scratch, int rounds);

// What differs between a run's outcome and an undisturbed one; empty: nothing.
[[nodiscard]] std::string difference(const Outcome& outcome, const nlohmann::json& sequences);

}  // namespace switchyard::tests

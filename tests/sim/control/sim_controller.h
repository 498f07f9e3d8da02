// tests/sim/control/sim_controller.h -- runs a Controller in virtual time: performs its actions,
// keeps its journal, kills it between any two actions and starts it again from the journal. Keeps
// it twice, with all its history and with snapshots in place of history: both must lead to one
// state. Thread safety: shared objects: unsafe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/sim/control/sim_process.h"

namespace switchyard::control {

class SimController {
 public:
  SimController(SimWorld& world, ControllerOptions options);

  void start();
  // Gone after a few more actions, back after `absence`.
  void crash(Duration absence);
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }
  [[nodiscard]] std::string status();
  [[nodiscard]] const std::vector<std::string>& events() const noexcept { return events_; }

 private:
  void handle(Happening happening);
  // False where the crash comes first.
  [[nodiscard]] bool perform(Action& action);
  void start_process(RankId slot);
  void tick();
  void compact();
  // The crash takes the end of the journal with it, as far as it can be done without: what it said
  // of views and of tokens.
  void lose_tail();
  // A controller that has come back with these records.
  [[nodiscard]] Controller revived(const std::vector<std::vector<std::byte>>& records);

  SimWorld& world_;
  ControllerOptions options_;
  std::optional<Controller> controller_;
  std::uint64_t life_ = 0;
  std::vector<std::vector<std::byte>> journal_;    // all of it
  std::vector<std::vector<std::byte>> compacted_;  // the last snapshot and what came after it
  std::size_t compact_at_ = 0;                     // records
  std::size_t compacted_to_ = 0;                   // of journal_, in the last snapshot
  bool crash_after_commit_ = false;
  std::optional<std::uint64_t> actions_left_;
  Duration absence_{};
  bool stopped_ = false;
  std::vector<std::string> events_;
};

}  // namespace switchyard::control

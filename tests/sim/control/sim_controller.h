// tests/sim/control/sim_controller.h -- runs a Controller in virtual time: performs its actions,
// keeps its journal, kills it between any two actions and starts it again from the journal.
// Thread safety: shared objects: unsafe.
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
  void tick();

  SimWorld& world_;
  ControllerOptions options_;
  std::optional<Controller> controller_;
  std::uint64_t life_ = 0;
  std::vector<std::vector<std::byte>> journal_;
  std::optional<std::uint64_t> actions_left_;
  Duration absence_{};
  bool stopped_ = false;
  std::vector<std::string> events_;
};

}  // namespace switchyard::control

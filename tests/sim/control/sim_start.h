// tests/sim/control/sim_start.h -- in some of the seeds ranks die before the first view: it must
// not wait for them. Not the other faults (scenario.cpp). Thread safety: shared objects: unsafe.
#pragma once

#include "tests/sim/control/sim_controller.h"

namespace switchyard::control {

class SimStart {
 public:
  explicit SimStart(SimWorld& world) : world_(world) {}

  // Whether it is one of those seeds; if so, the deadline after which the first view is made of
  // whoever is there never comes, and in half of them processes may be started.
  void shape(std::uint64_t seed, ControllerOptions& options);
  // The deaths, and the watch over what follows from them.
  void plan(SimController& controller);

 private:
  void die();
  void watch(SimController& controller);

  SimWorld& world_;
  std::uint32_t deaths_ = 0;
};

}  // namespace switchyard::control

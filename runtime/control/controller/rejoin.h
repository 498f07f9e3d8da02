// runtime/control/controller/rejoin.h -- what a controller that has come back from its journal
// still waits for. Not the standstill of one that lives (lives.cpp). Plain values. Thread safety:
// distinct objects: safe.
#pragma once

#include "runtime/base/clock.h"

namespace switchyard::control {

struct Rejoin {
  // Began with a journal, whose end may have been lost: ranks may know of views that it does not.
  bool restored = false;
  // The ranks have not been heard yet: until then no view is made.
  bool under_way = false;
  TimePoint until{};  // and no longer
};

}  // namespace switchyard::control

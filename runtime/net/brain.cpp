#include "runtime/net/brain.h"

#include <utility>

namespace switchyard::net {

Brain brain_of(control::Controller& controller) {
  Brain brain;
  brain.handle = [&controller](control::Happening happening, TimePoint now) {
    return controller.handle(std::move(happening), now);
  };
  brain.status_json = [&controller](TimePoint now) { return controller.status_json(now); };
  brain.snapshot = [&controller] { return controller.snapshot(); };
  return brain;
}

}  // namespace switchyard::net

// runtime/net/brain.h -- what the controller's server asks of the one it serves: a Controller, or a
// stand-in in tests. Thread safety: called from the server's thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/control/controller.h"

namespace switchyard::net {

struct Brain {
  std::function<std::vector<control::Action>(control::Happening, TimePoint)> handle;
  std::function<std::string(TimePoint)> status_json;
  // Records that say what all records so far said; empty: the journal is never compacted.
  std::function<std::vector<std::vector<std::byte>>()> snapshot;
};

// `controller` outlives the brain.
[[nodiscard]] Brain brain_of(control::Controller& controller);

}  // namespace switchyard::net

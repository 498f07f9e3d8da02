// comm/transport_table.h -- the one list of transports of this build, for listings and for names.
// Not the construction of a world (worlds.h). A new transport adds its line in transport_table.cpp.
// Thread safety: safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"

namespace switchyard::comm {

enum class Availability { kAvailable, kLeftOut };

struct TransportEntry {
  std::string_view name;
  Availability availability = Availability::kAvailable;
  std::string text;  // what it is, or why it is not there and how to get it
};

[[nodiscard]] std::vector<TransportEntry> list_transports();

// The entry of that name. Errors: kUsage for an unknown name, with the list of names; kUnsupported
// for one that was left out of the build.
[[nodiscard]] Result<TransportEntry> find_transport(std::string_view name);

}  // namespace switchyard::comm

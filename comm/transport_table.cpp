#include "comm/transport_table.h"

#include "comm/worlds.h"

namespace switchyard::comm {

std::vector<TransportEntry> list_transports() {
  std::vector<TransportEntry> table;
  table.push_back({"local", Availability::kAvailable, "ranks are threads of one process"});
  if (const auto mpi = mpi_library()) {
    table.push_back({"mpi", Availability::kAvailable, "ranks are processes under mpirun, " + *mpi});
  } else {
    table.push_back({"mpi", Availability::kLeftOut, mpi.error().message});
  }
  if (const auto nccl = nccl_library()) {
    table.push_back(
        {"nccl", Availability::kAvailable, "rows between GPUs, over another transport, " + *nccl});
  } else {
    table.push_back({"nccl", Availability::kLeftOut, nccl.error().message});
  }
  return table;
}

Result<TransportEntry> find_transport(std::string_view name) {
  std::string names;
  for (TransportEntry& entry : list_transports()) {
    if (entry.name != name) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", entry.name);
      continue;
    }
    if (entry.availability == Availability::kAvailable) return std::move(entry);
    return fail(ErrorCode::kUnsupported, "transport {}: {}", name, entry.text);
  }
  return fail(ErrorCode::kUsage, "transport '{}' is unknown; there are: {}", name, names);
}

}  // namespace switchyard::comm

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "comm/worlds.h"

namespace switchyard::comm {

bool started_by_mpi_launcher(const EnvLookup& env) {
  // Set for each rank by: mpirun of Open MPI; Hydra (MPICH, Intel MPI) and srun with PMI; anything
  // with PMIx. Not SLURM_PROCID: a batch script has that as well, with no MPI job around it.
  constexpr std::array kMarks = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMI_RANK", "PMIX_RANK"};
  return std::any_of(kMarks.begin(), kMarks.end(),
                     [&](const char* mark) { return env(mark) != nullptr; });
}

std::optional<std::size_t> launched_world_size(const EnvLookup& env) {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    const char* found = env(name);
    if (found == nullptr) continue;
    const std::string_view text(found);
    std::size_t size = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), size);
    if (problem == std::errc() && end == text.data() + text.size() && size > 0) return size;
  }
  return std::nullopt;
}

}  // namespace switchyard::comm

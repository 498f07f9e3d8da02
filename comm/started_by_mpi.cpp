#include <algorithm>
#include <array>

#include "comm/worlds.h"

namespace switchyard::comm {

bool started_by_mpi_launcher(const EnvLookup& env) {
  // Set for each rank by: mpirun of Open MPI; Hydra (MPICH, Intel MPI) and srun with PMI; anything
  // with PMIx. Not SLURM_PROCID: a batch script has that as well, with no MPI job around it.
  constexpr std::array kMarks = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMI_RANK", "PMIX_RANK"};
  return std::any_of(kMarks.begin(), kMarks.end(),
                     [&](const char* mark) { return env(mark) != nullptr; });
}

}  // namespace switchyard::comm

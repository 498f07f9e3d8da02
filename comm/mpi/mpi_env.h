// comm/mpi/mpi_env.h -- MPI_Init_thread and MPI_Finalize of this process.
// The destructor does nothing: MPI_Finalize can wait for ever on a peer that is gone, so it is
// called on the normal path only, by finalize(). Thread: the thread that called start()
// (MPI_THREAD_FUNNELED).
#pragma once

#include "runtime/base/error.h"

namespace switchyard::comm::mpi {

class MpiEnv {
 public:
  // Ignores SIGPIPE (a send over TCP to a dead rank raises it and MPI leaves it at its default),
  // makes short sleeps short, sets our preferences for Open MPI where the user has not, and starts
  // MPI. Collective: yes. Errors: kInternal with the MPI text; kUsage if MPI was started before.
  [[nodiscard]] static Result<MpiEnv> start(int* argc, char*** argv);

  // Collective: yes. Blocks: until all ranks do the same.
  [[nodiscard]] Result<void> finalize();

  // By anyone in this process, be it finalised or not.
  [[nodiscard]] static bool started() noexcept;
  // Started and not yet finalised, by anyone in this process.
  [[nodiscard]] static bool running() noexcept;

 private:
  MpiEnv() = default;
};

}  // namespace switchyard::comm::mpi

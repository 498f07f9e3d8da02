// comm/mpi/mpi_comm.h -- a communicator of our own, so that nobody else's messages can match ours.
// Not freed by the destructor: that is a collective call. MPI_Finalize takes it back.
// Thread: the thread that started MPI.
#pragma once

#include <mpi.h>

#include "runtime/base/error.h"

namespace switchyard::comm::mpi {

class Comm {
 public:
  // The same ranks in the same order. Collective: yes.
  [[nodiscard]] static Result<Comm> duplicate(MPI_Comm from);
  // The ranks of `from` that share memory with this one, in the same order. Collective: yes.
  [[nodiscard]] static Result<Comm> of_this_host(MPI_Comm from);

  [[nodiscard]] MPI_Comm get() const noexcept { return comm_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }

 private:
  [[nodiscard]] static Result<Comm> own(MPI_Comm comm);

  MPI_Comm comm_ = MPI_COMM_NULL;
  std::size_t size_ = 0;
  std::size_t rank_ = 0;
};

}  // namespace switchyard::comm::mpi

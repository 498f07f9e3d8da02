#include "comm/mpi/mpi_comm.h"

#include "comm/mpi/mpi_error.h"

namespace switchyard::comm::mpi {

Result<Comm> Comm::own(MPI_Comm comm) {
  Comm result;
  result.comm_ = comm;
  SY_TRY(check(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler"));
  int size = 0;
  int rank = 0;
  SY_TRY(check(MPI_Comm_size(comm, &size), "MPI_Comm_size"));
  SY_TRY(check(MPI_Comm_rank(comm, &rank), "MPI_Comm_rank"));
  result.size_ = static_cast<std::size_t>(size);
  result.rank_ = static_cast<std::size_t>(rank);
  return result;
}

Result<Comm> Comm::duplicate(MPI_Comm from) {
  MPI_Comm comm = MPI_COMM_NULL;
  SY_TRY(check(MPI_Comm_dup(from, &comm), "MPI_Comm_dup"));
  return own(comm);
}

Result<Comm> Comm::of_this_host(MPI_Comm from) {
  MPI_Comm comm = MPI_COMM_NULL;
  SY_TRY(check(MPI_Comm_split_type(from, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &comm),
               "MPI_Comm_split_type"));
  return own(comm);
}

}  // namespace switchyard::comm::mpi

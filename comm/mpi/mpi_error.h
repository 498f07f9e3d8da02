// comm/mpi/mpi_error.h -- turns the return codes of MPI into errors of ours; the only place that
// does. Every communicator we call through has MPI_ERRORS_RETURN, else MPI would end the job by
// itself. Thread safety: the thread that started MPI.
#pragma once

#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/ids.h"

namespace switchyard::comm::mpi {

// Fine for MPI_SUCCESS; else "MPI_Isend, rank 3: <MPI's text>". With a peer the error is kPeer of
// scope kPeer, without one kInternal of scope kCommunicator: the world itself is then in doubt.
[[nodiscard]] Result<void> check(int code, const char* call,
                                 std::optional<RankId> peer = std::nullopt);

}  // namespace switchyard::comm::mpi

// The MPI doors of a build without MPI: each says how to get it.
#include <cstdio>
#include <cstdlib>

#include "comm/ping_pong.h"
#include "comm/worlds.h"

namespace switchyard::comm {
namespace {

Unexpected no_mpi() {
  return fail(
      ErrorCode::kUnsupported,
      "this build has no MPI; install libopenmpi-dev and openmpi-bin and configure again with "
      "-DSWITCHYARD_MPI=ON");
}

}  // namespace

Result<std::unique_ptr<Transport>> join_mpi_world(int* /*argc*/, char*** /*argv*/,
                                                  const TransportLimits& /*limits*/) {
  return no_mpi();
}

void abort_mpi_world(int exit_code) noexcept {
  std::fflush(nullptr);
  std::_Exit(exit_code);
}

void follow_first_rank(int /*exit_code*/, Duration /*patience*/,
                       const std::function<void()>& /*tell*/) {}

Result<std::string> mpi_library() { return no_mpi(); }

Result<PingPong> mpi_bare_ping_pong(const PingPongOptions& /*options*/) { return no_mpi(); }

}  // namespace switchyard::comm

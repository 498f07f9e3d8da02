// Counts what the lead of a run over MPI allocates while it decodes; ends with 1 where that is
// anything. What MPI itself takes by malloc is its own matter.
#include <fmt/format.h>

#include "comm/worlds.h"
#include "tests/unit/allocations/decode_run.h"

namespace switchyard {
namespace {

int run(int argc, char** argv) {
  auto transport = comm::join_mpi_world(&argc, &argv, {});
  if (!transport) {
    fmt::print(stderr, "{}\n", transport.error().message);
    comm::abort_mpi_world(1);
  }
  const bool leads = (*transport)->rank() == RankId(0);
  const auto counts = tests::run_rank({}, **transport);
  if (!counts) {
    fmt::print(stderr, "{}\n", counts.error().message);
    comm::abort_mpi_world(1);
  }
  if (!leads) return 0;
  fmt::print("{} allocations over {} steps\n", counts->allocations, counts->steps);
  return counts->steps > 0 && counts->allocations == 0 ? 0 : 1;
}

}  // namespace
}  // namespace switchyard

int main(int argc, char** argv) { return switchyard::run(argc, argv); }

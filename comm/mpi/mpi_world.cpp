#include <mpi.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <thread>

#include "comm/mpi/mpi_env.h"
#include "comm/mpi/mpi_error.h"
#include "comm/mpi/mpi_transport.h"
#include "comm/worlds.h"

namespace switchyard::comm {

Result<std::unique_ptr<Transport>> join_mpi_world(int* argc, char*** argv,
                                                  const TransportLimits& limits) {
  SY_ASSIGN(mpi::MpiEnv env, mpi::MpiEnv::start(argc, argv));
  SY_ASSIGN(std::unique_ptr<Transport> transport, mpi::MpiTransport::create(env, limits));
  return transport;
}

void abort_mpi_world(int exit_code) noexcept {
  std::fflush(nullptr);  // neither of the two below does it
  if (mpi::MpiEnv::running()) MPI_Abort(MPI_COMM_WORLD, exit_code);
  std::_Exit(exit_code);
}

void follow_first_rank(int exit_code, Duration patience, const std::function<void()>& tell) {
  if (mpi::MpiEnv::started()) return;
  std::promise<void> joined;
  // MPI_Init of a rank ends when all have called it, and when the launcher kills the rank.
  std::thread guard([&tell, exit_code, patience, joins = joined.get_future()] {
    if (joins.wait_for(patience) == std::future_status::ready) return;
    tell();
    std::fflush(nullptr);
    std::_Exit(exit_code);
  });
  const auto env = mpi::MpiEnv::start(nullptr, nullptr);
  joined.set_value();
  guard.join();
  if (!env) return;
  tell();
  abort_mpi_world(exit_code);
}

Result<std::string> mpi_library() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  SY_TRY(mpi::check(MPI_Get_library_version(text.data(), &length), "MPI_Get_library_version"));
  const std::string_view words(text.data(), static_cast<std::size_t>(length));
  return std::string(words.substr(0, words.find_first_of(",\n")));
}

}  // namespace switchyard::comm

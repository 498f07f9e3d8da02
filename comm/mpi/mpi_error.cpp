#include "comm/mpi/mpi_error.h"

#include <mpi.h>

#include <array>
#include <string>

namespace switchyard::comm::mpi {

Result<void> check(int code, const char* call, std::optional<RankId> peer) {
  if (code == MPI_SUCCESS) return {};
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  if (MPI_Error_string(code, text.data(), &length) != MPI_SUCCESS) length = 0;
  const std::string_view words(text.data(), static_cast<std::size_t>(length));
  if (peer) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "{}, rank {}: {}", call, peer->value(), words);
  }
  return fail(ErrorCode::kInternal, ErrorScope::kCommunicator, "{}: {}", call, words);
}

}  // namespace switchyard::comm::mpi

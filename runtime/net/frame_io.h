// runtime/net/frame_io.h -- control messages over a DeadlineSocket, one frame each; see
// control/codec.h for the bytes.
// Thread safety: as DeadlineSocket.
#pragma once

#include <memory>

#include "runtime/control/codec.h"
#include "runtime/control/speaker.h"
#include "runtime/net/deadline_socket.h"

namespace switchyard::net {

// Waits for a frame as long as it takes; once it has begun, each piece of it (1 MiB) has to come
// within `limit`. Memory grows with what has come, not with what was promised. Errors: as of the
// socket; kBadInput for a frame that is malformed or that `from` may not send: end the connection.
[[nodiscard]] Task<Result<control::Message>> read_message(std::shared_ptr<DeadlineSocket> socket,
                                                          control::Speaker from, Duration limit);

[[nodiscard]] Task<Result<void>> write_message(std::shared_ptr<DeadlineSocket> socket,
                                               const control::Message& message, Duration limit);

}  // namespace switchyard::net

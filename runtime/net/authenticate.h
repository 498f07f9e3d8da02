// runtime/net/authenticate.h -- runs the handshake (handshake.h) over a socket, from either side.
// On an error the caller closes the socket; the other side was told nothing.
// Thread safety: as DeadlineSocket.
#pragma once

#include <memory>

#include "runtime/net/deadline_socket.h"
#include "runtime/net/handshake.h"

namespace switchyard::net {

// The caller's side. Errors: kPeer where the controller ends the connection (it knows another
// secret) or cannot prove that it knows ours; kUnsupported for no common version; kDeadline.
[[nodiscard]] Task<Result<void>> introduce(std::shared_ptr<DeadlineSocket> socket,
                                           const Secret& secret, control::Speaker self,
                                           Duration limit);

// The controller's side: what the caller is, once it has proved itself. Errors: kPeer with the
// reason, for the log only; kUnsupported; kDeadline.
[[nodiscard]] Task<Result<control::Speaker>> admit(std::shared_ptr<DeadlineSocket> socket,
                                                   const Secret& secret, Duration limit);

}  // namespace switchyard::net

// runtime/net/listener.h -- opens a listening socket on an address that people wrote.
// Thread safety: as Tcp::acceptor.
#pragma once

#include "runtime/net/coroutine.h"
#include "runtime/net/endpoint.h"

namespace switchyard::net {

// Port 0: any free one. Errors: kUsage for a host that is no address of anything; kIo where the
// port is taken or the address is not of this host.
[[nodiscard]] Result<void> listen_on(Tcp::acceptor& acceptor, const Endpoint& where);

[[nodiscard]] Endpoint local_endpoint(const Tcp::acceptor& acceptor);

}  // namespace switchyard::net

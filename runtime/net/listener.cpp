#include "runtime/net/listener.h"

#include "runtime/net/close_on_exec.h"

namespace switchyard::net {

Result<void> listen_on(Tcp::acceptor& acceptor, const Endpoint& where) {
  boost::system::error_code error;
  Tcp::resolver resolver(acceptor.get_executor());
  const auto found =
      resolver.resolve(where.host, std::to_string(where.port), Tcp::resolver::passive, error);
  if (error || found.empty()) {
    return fail(ErrorCode::kUsage, "listen address {}: {}", where.host, error.message());
  }
  const Tcp::endpoint endpoint = found.begin()->endpoint();
  acceptor.open(endpoint.protocol(), error);
  if (!error) close_on_exec(acceptor.native_handle());
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return fail(ErrorCode::kIo, "cannot listen on {}: {}", to_string(where), error.message());
  }
  return {};
}

Endpoint local_endpoint(const Tcp::acceptor& acceptor) {
  boost::system::error_code error;
  const auto local = acceptor.local_endpoint(error);
  if (error) return {};
  return {local.address().to_string(), local.port()};
}

}  // namespace switchyard::net

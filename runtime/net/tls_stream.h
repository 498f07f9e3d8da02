// runtime/net/tls_stream.h -- what a DeadlineSocket asks of OpenSSL beyond reading and writing:
// whom to expect, and what went wrong in words. Not for anybody but deadline_socket.cpp; heavy to
// include. Thread safety: as the stream.
#pragma once

#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <string>

#include "runtime/net/coroutine.h"

namespace switchyard::net {

using TlsStream = asio::ssl::stream<Tcp::socket&>;

// The other side's certificate must name `host` among its alternative names (RFC 6125): as an IP
// address where it is one. Its common name and partial wildcards (a*.example) do not count.
void expect_host(TlsStream& stream, const std::string& host);
// A listener that takes callers without a certificate.
void ask_nothing(TlsStream& stream);

// Whether the error is one of the protocol, not of the connection below it.
[[nodiscard]] bool is_of_tls(const boost::system::error_code& error);
// What is wrong, for a log: "its certificate is refused: certificate has expired".
[[nodiscard]] std::string tls_reason(TlsStream& stream, const boost::system::error_code& error);

}  // namespace switchyard::net

// runtime/net/endpoint.h -- a host and a port as people write them: "host:port", "[::1]:port".
// Thread safety: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/error.h"

namespace switchyard::net {

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};

// Errors: kUsage quoting the text.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

// 127.0.0.0/8, ::1 and the name localhost: an address that only this host can reach.
[[nodiscard]] bool is_loopback(std::string_view host);

}  // namespace switchyard::net

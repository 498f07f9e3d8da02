// runtime/net/http_refusal.h -- why an HTTP request is not served: the status, a stable word and a
// sentence for the caller. Thread safety: plain values.
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace switchyard::net {

struct HttpRefusal {
  unsigned status = 400;
  std::string code;    // bad_request, too_large, unknown_route, ...
  std::string reason;  // for people; says nothing of the inside
};

template <class T>
using HttpResult = tl::expected<T, HttpRefusal>;

[[nodiscard]] inline tl::unexpected<HttpRefusal> refuse(unsigned status, std::string code,
                                                        std::string reason) {
  return tl::unexpected(HttpRefusal{status, std::move(code), std::move(reason)});
}

}  // namespace switchyard::net

// runtime/net/request_head.h -- judges the head of an HTTP/1.1 request (request line and header
// fields) before a parser sees it. Beast takes much that RFC 9112 forbids or that two servers read
// differently: two Hosts or none, folded lines, repeated lengths, transfer codings that it does not
// know. All of that is refused here. Not the body and not the routes.
// Thread safety: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/net/http_refusal.h"

namespace switchyard::net {

struct HeadLimits {
  std::size_t head_bytes = 16'384;
  std::size_t request_line_bytes = 8'192;
  std::size_t fields = 100;
  std::uint64_t body_bytes = 65'536;
};

enum class BodyFraming { kNone, kLength, kChunked };

struct RequestHead {
  std::string method;
  std::string target;
  BodyFraming framing = BodyFraming::kNone;
  std::uint64_t content_length = 0;
  std::optional<std::string> content_type;
  std::optional<std::string> authorization;
  std::optional<std::string> origin;  // of the page, where a browser asks
  bool keep_alive = true;
};

// `head` ends with the empty line. 400 for what is malformed or ambiguous, 413, 414, 431, 505.
[[nodiscard]] HttpResult<RequestHead> check_request_head(std::string_view head,
                                                         const HeadLimits& limits);

}  // namespace switchyard::net

#include "runtime/net/request_head.h"

#include <algorithm>
#include <charconv>

#include "runtime/base/error.h"

namespace switchyard::net {
namespace {

tl::unexpected<HttpRefusal> bad(std::string reason) {
  return refuse(400, "bad_request", std::move(reason));
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool is_visible(char c) { return c > ' ' && c < '\x7f'; }

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Field values: visible characters, spaces, tabs and bytes above ASCII.
bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
  });
}

// The text up to the next CRLF, taken off the front; none where a bare CR or LF comes first.
std::optional<std::string_view> take_line(std::string_view& text) {
  const auto end = text.find_first_of("\r\n");
  if (end == std::string_view::npos || text.substr(end, 2) != "\r\n") return std::nullopt;
  const auto line = text.substr(0, end);
  text.remove_prefix(end + 2);
  return line;
}

HttpResult<void> read_request_line(std::string_view line, RequestHead& head) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return bad("the request line is malformed");
  const auto method = line.substr(0, first);
  const auto target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (!is_token(method) || target.empty() || target.front() != '/' ||
      !std::ranges::all_of(target, is_visible)) {
    return bad("the request line is malformed");
  }
  if (version != "HTTP/1.1") {
    if (version.starts_with("HTTP/")) return refuse(505, "version", "only HTTP/1.1 is spoken here");
    return bad("the request line is malformed");
  }
  head.method = method;
  head.target = target;
  return {};
}

// The fields that decide something, each at most once.
struct Decisive {
  std::optional<std::string> host;
  std::optional<std::string> length;
  std::optional<std::string> coding;
  std::optional<std::string> type;
  std::optional<std::string> authorization;
  std::optional<std::string> origin;
  std::optional<std::string> connection;
};

HttpResult<void> keep(std::optional<std::string>& slot, std::string_view name,
                      std::string_view value) {
  if (slot) return bad(fmt::format("more than one {}", name));
  slot = value;
  return {};
}

HttpResult<void> read_field(std::string_view line, Decisive& fields) {
  if (line.front() == ' ' || line.front() == '\t') return bad("a folded header field");
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) ||
      !is_field_value(line.substr(colon + 1))) {
    return bad("a malformed header field");
  }
  const auto name = line.substr(0, colon);
  const auto value = trim(line.substr(colon + 1));
  if (same_word(name, "host")) return keep(fields.host, "Host", value);
  if (same_word(name, "content-length")) return keep(fields.length, "Content-Length", value);
  if (same_word(name, "transfer-encoding")) return keep(fields.coding, "Transfer-Encoding", value);
  if (same_word(name, "content-type")) return keep(fields.type, "Content-Type", value);
  if (same_word(name, "authorization")) return keep(fields.authorization, "Authorization", value);
  if (same_word(name, "origin")) return keep(fields.origin, "Origin", value);
  if (same_word(name, "connection")) return keep(fields.connection, "Connection", value);
  return {};
}

HttpResult<void> read_framing(const Decisive& fields, const HeadLimits& limits, RequestHead& head) {
  if (fields.coding) {
    if (fields.length) return bad("both Content-Length and Transfer-Encoding");
    if (!same_word(*fields.coding, "chunked")) return bad("a transfer coding other than chunked");
    head.framing = BodyFraming::kChunked;
  } else if (fields.length) {
    const std::string& digits = *fields.length;
    const auto* end = digits.data() + digits.size();
    const bool number =
        !digits.empty() && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
    if (!number) return bad("a Content-Length that is no number");
    const auto parsed = std::from_chars(digits.data(), end, head.content_length);
    if (parsed.ec != std::errc() || head.content_length > limits.body_bytes) {
      return refuse(413, "too_large",
                    fmt::format("the limit of a body is {} bytes", limits.body_bytes));
    }
    if (head.content_length > 0) head.framing = BodyFraming::kLength;
  }
  if (head.framing != BodyFraming::kNone && (head.method == "GET" || head.method == "HEAD")) {
    return bad(fmt::format("a {} with a body", head.method));
  }
  return {};
}

bool is_host(std::string_view host) {
  return !host.empty() && std::ranges::all_of(host, [](char c) {
    return is_visible(c) && std::string_view(",/?#@\\").find(c) == std::string_view::npos;
  });
}

}  // namespace

HttpResult<RequestHead> check_request_head(std::string_view text, const HeadLimits& limits) {
  if (text.size() > limits.head_bytes) {
    return refuse(431, "head_too_large",
                  fmt::format("the limit of a head is {} bytes", limits.head_bytes));
  }
  RequestHead head;
  const auto request_line = take_line(text);
  if (!request_line) return bad("the request line is malformed");
  if (request_line->size() > limits.request_line_bytes) {
    return refuse(414, "target_too_long", "the request line is too long");
  }
  if (auto read = read_request_line(*request_line, head); !read) {
    return tl::unexpected(std::move(read).error());
  }
  Decisive fields;
  for (std::size_t count = 0;; ++count) {
    const auto line = take_line(text);
    if (!line) return bad("a malformed header field");
    if (line->empty()) break;
    if (count >= limits.fields) return refuse(431, "head_too_large", "too many header fields");
    if (auto read = read_field(*line, fields); !read)
      return tl::unexpected(std::move(read).error());
  }
  if (!text.empty()) return bad("bytes behind the head");
  if (!fields.host || !is_host(*fields.host)) return bad("one Host is needed");
  if (auto read = read_framing(fields, limits, head); !read) {
    return tl::unexpected(std::move(read).error());
  }
  head.content_type = std::move(fields.type);
  head.authorization = std::move(fields.authorization);
  head.origin = std::move(fields.origin);
  head.keep_alive = !fields.connection || !same_word(*fields.connection, "close");
  return head;
}

}  // namespace switchyard::net

// Fuzzes the judge of HTTP heads: what it lets pass has one Host, one framing and one line a field.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "runtime/net/admin_routes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto head = switchyard::net::check_request_head(text, {});
  if (!head) {
    if (head.error().status < 400 || head.error().status > 505) std::abort();
    return 0;
  }
  if (!text.ends_with("\r\n\r\n") || text.find('\0') != std::string_view::npos) std::abort();
  if (std::ranges::count(text, '\r') != std::ranges::count(text, '\n')) std::abort();
  if (head->target.front() != '/' || head->content_length > 65'536) std::abort();
  const auto route = switchyard::net::find_route(*head, switchyard::net::Secret(),
                                                 switchyard::net::OpenPages::kHealth);
  // The input serves as a body as well.
  if (route) (void)switchyard::net::read_wish(**route, std::string(text));
  return 0;
}

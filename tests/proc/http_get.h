// tests/proc/http_get.h -- asks an HTTP server on this machine for one page. For tests only.
#pragma once

#include <string>

namespace switchyard::tests {

// The body of GET http://ENDPOINT/PATH where the status is 200, else nothing. `endpoint`:
// A.B.C.D:PORT.
[[nodiscard]] std::string http_get(const std::string& endpoint, const std::string& path);

}  // namespace switchyard::tests

// tests/proc/http_get.h -- asks an HTTP server on this machine. Not a client for anything else: it
// takes the server for one that frames its answers by Content-Length. For tests only.
#pragma once

#include <string>
#include <vector>

namespace switchyard::tests {

struct HttpRequest {
  std::string path;
  std::string method = "GET";
  std::string fields = {};  // "Name: value\r\n" each
  std::string body = {};
};

struct HttpAnswer {
  int status = 0;  // 0: none came
  std::string body;
};

// Sends all of them over one connection at once, so that nothing but the server's own work lies
// between two of them. One answer for each, in their order. `endpoint`: A.B.C.D:PORT.
[[nodiscard]] std::vector<HttpAnswer> http_ask(const std::string& endpoint,
                                               const std::vector<HttpRequest>& requests);
[[nodiscard]] HttpAnswer http_ask(const std::string& endpoint, const HttpRequest& request);

// The body of GET http://ENDPOINT/PATH where the status is 200, else nothing.
[[nodiscard]] std::string http_get(const std::string& endpoint, const std::string& path,
                                   const std::string& fields = {});

// The field of who brings the token; empty: none.
[[nodiscard]] std::string bearer(const std::string& token);

}  // namespace switchyard::tests

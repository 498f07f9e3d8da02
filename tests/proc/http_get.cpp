#include "tests/proc/http_get.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace switchyard::tests {
namespace {

std::string exchange(int fd, const sockaddr_in& address, const std::string& request) {
  const timeval limit{10, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) return {};
  std::string answer;
  std::array<char, 65536> buffer{};
  while (true) {
    const auto bytes = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (bytes <= 0) return answer;
    answer.append(buffer.data(), static_cast<std::size_t>(bytes));
  }
}

std::string text_of(const HttpRequest& request, bool last) {
  std::string text = request.method + " " + request.path + " HTTP/1.1\r\nHost: test\r\n";
  if (last) text += "Connection: close\r\n";
  if (request.method != "GET") {
    text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  return text + request.fields + "\r\n" + request.body;
}

// Takes one answer off the front; status 0 where there is no whole one.
HttpAnswer take_answer(std::string& text) {
  const std::string start = "HTTP/1.1 ";
  const std::string length = "\r\nContent-Length: ";
  const auto end = text.find("\r\n\r\n");
  const auto at = text.find(length);
  if (!text.starts_with(start) || end == std::string::npos || at > end) return {};
  const std::size_t bytes = std::stoul(text.substr(at + length.size()));
  if (text.size() - (end + 4) < bytes) return {};
  HttpAnswer answer{std::stoi(text.substr(start.size())), text.substr(end + 4, bytes)};
  text.erase(0, end + 4 + bytes);
  return answer;
}

// Everything that the server says to these bytes until it closes.
std::string talk(const std::string& endpoint, const std::string& request) {
  const auto colon = endpoint.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (colon == std::string::npos ||
      ::inet_pton(AF_INET, endpoint.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    return {};
  }
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(colon + 1))));
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return {};
  auto answer = exchange(fd, address, request);
  ::close(fd);
  return answer;
}

}  // namespace

std::vector<HttpAnswer> http_ask(const std::string& endpoint,
                                 const std::vector<HttpRequest>& requests) {
  std::string text;
  for (const auto& request : requests) text += text_of(request, &request == &requests.back());
  std::string said = talk(endpoint, text);
  std::vector<HttpAnswer> answers;
  for (std::size_t i = 0; i < requests.size(); ++i) answers.push_back(take_answer(said));
  return answers;
}

HttpAnswer http_ask(const std::string& endpoint, const HttpRequest& request) {
  return http_ask(endpoint, std::vector<HttpRequest>{request}).front();
}

std::string http_get(const std::string& endpoint, const std::string& path,
                     const std::string& fields) {
  const auto answer = http_ask(endpoint, HttpRequest{path, "GET", fields, ""});
  return answer.status == 200 ? answer.body : std::string();
}

std::string bearer(const std::string& token) {
  return token.empty() ? "" : "Authorization: Bearer " + token + "\r\n";
}

}  // namespace switchyard::tests

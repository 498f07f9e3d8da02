// comm/tcp/socket.h -- a non-blocking TCP socket of one owner, and the address of a rank that can
// be reached by one: "HOST:PORT/TOKEN" with a numeric host. Who knows the token may connect; it
// travels over the authenticated control plane. Not the messages (stream.h). Thread safety:
// distinct objects: safe; shared objects: unsafe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/error.h"

namespace switchyard::comm::tcp {

class Socket {
 public:
  Socket() = default;
  explicit Socket(int handle) noexcept : handle_(handle) {}
  Socket(Socket&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Socket();
  void close() noexcept { Socket().swap(*this); }
  void swap(Socket& other) noexcept { std::swap(handle_, other.handle_); }
  [[nodiscard]] int get() const noexcept { return handle_; }
  [[nodiscard]] bool is_open() const noexcept { return handle_ >= 0; }

 private:
  int handle_ = -1;
};

using Token = std::array<std::byte, 16>;

struct Address {
  std::string host;  // IPv4, numeric
  std::uint16_t port = 0;
  Token token{};

  // Errors: kBadInput saying what is expected.
  [[nodiscard]] static Result<Address> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
};

// Unpredictable. Errors: kIo.
[[nodiscard]] Result<Token> make_token();
// Takes the same time whatever differs.
[[nodiscard]] bool same(const Token& a, const Token& b) noexcept;

// A socket that listens on the host, on a port of the system's choice. Errors: kIo.
struct Listening {
  Socket socket;
  std::uint16_t port = 0;
};
[[nodiscard]] Result<Listening> listen_on(const std::string& host);
// Begins to connect; what becomes of it shows at the first write. Blocks: no. Errors: kIo.
[[nodiscard]] Result<Socket> begin_connect(const Address& address);
// A connection that waits, or a closed socket. Blocks: no.
[[nodiscard]] Socket accept_one(const Socket& listening);
// The address of this host from which `host` is reached. Sends nothing. Errors: kIo.
[[nodiscard]] Result<std::string> own_host_towards(const std::string& host);

}  // namespace switchyard::comm::tcp

// tests/unit/net/raw_socket.h -- a plain blocking TCP connection for tests that say what no decent
// peer says. Every wait ends after ten seconds. Thread safety: shared objects: unsafe.
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/view.h"
#include "runtime/net/endpoint.h"

namespace switchyard::net {

class RawSocket {
 public:
  explicit RawSocket(const Endpoint& to);
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;
  ~RawSocket();

  // What the other side has closed already is not an error here.
  void send(Bytes bytes);
  void send(std::string_view text);
  // Whether `into` was filled.
  [[nodiscard]] bool receive(MutableBytes into);
  // Whether the other side ends the connection without another byte.
  [[nodiscard]] bool ended();
  // Sends a byte every few milliseconds until the other side ends the connection, 10'000 at most;
  // answers how many.
  [[nodiscard]] std::size_t trickle();
  // All until the end or until nothing more comes for ten seconds.
  [[nodiscard]] std::string receive_all();

 private:
  int descriptor_ = -1;
};

}  // namespace switchyard::net

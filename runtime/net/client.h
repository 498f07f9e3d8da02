// runtime/net/client.h -- a connection of `launch`, `status`, `scale`, ... to the controller: one
// call after another, each ends within its limit. Not the agent of a rank (agent.h). Callers ignore
// SIGPIPE. Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <memory>
#include <optional>

#include "runtime/base/clock.h"
#include "runtime/control/messages.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/secret.h"
#include "runtime/net/tls_identity.h"

namespace switchyard::net {

class Client {
 public:
  // `tls` null: plain. Errors: kPeer naming the address where no controller answers, it refuses or
  // is not to be trusted; kDeadline.
  [[nodiscard]] static Result<Client> connect(const Endpoint& controller, const Secret& secret,
                                              Duration limit,
                                              std::shared_ptr<TlsIdentity> tls = nullptr);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // Errors of all: kPeer where the connection has ended, kDeadline where it hangs; after either
  // only a new client helps.
  [[nodiscard]] Result<void> send(const control::Message& message, Duration limit);
  // The next message, or nothing where none has begun to come within `wait`.
  [[nodiscard]] Result<std::optional<control::Message>> receive(Duration wait);
  // Sends the wish (Command or Place) and waits for its Answer. What comes before it (events,
  // results) is kept for receive().
  [[nodiscard]] Result<control::Answer> ask(const control::Message& wish, Duration limit);

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace switchyard::net

// runtime/net/controller_server.h -- gives the controller (control/controller.h) its sockets, its
// clock and its disk: accepts agents and clients, makes them prove themselves, turns what they say
// into happenings and performs the actions that come back. It decides nothing. One thread, the
// caller of run(), does everything; a malformed frame ends its own connection and nothing else.
// For each Connected there is one Disconnected, also after a Close that the controller asked for;
// once the server stops, nothing happens any more.
// Thread safety: run() once; stop() from any thread; the others before run().
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "runtime/base/log.h"
#include "runtime/net/brain.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/journal_keeper.h"
#include "runtime/net/secret.h"
#include "runtime/net/tls_identity.h"

namespace switchyard::net {

// Whether SIGINT and SIGTERM stop the server (a second one at once). The ranks go on without it.
enum class Signals { kIgnore, kStop };

struct ServerOptions {
  Endpoint listen{"127.0.0.1", 0};                  // port 0: any free one
  Secret secret;                                    // may be empty on loopback or with `tls` only
  std::shared_ptr<TlsIdentity> tls;                 // of every port; null: plain
  std::optional<Endpoint> admin;                    // HTTP; nullopt: none
  Secret admin_token;                               // bearer; may be empty on loopback only
  Duration admin_limit = std::chrono::seconds(10);  // of a head, of a body, of a response
  Duration tick_interval = std::chrono::milliseconds(50);
  Duration handshake_limit = std::chrono::seconds(5);  // of each step of it
  Duration frame_limit = std::chrono::seconds(10);     // of one message, either way
  Duration stop_patience = std::chrono::seconds(2);    // for what is queued at the end
  std::size_t connections_max = 2048;
  std::size_t strangers_max = 256;  // that have not proved themselves yet; the oldest gives way
  std::size_t queue_bytes_max = std::size_t{64} << 20;  // waiting for one peer
  JournalLimits journal;
  Signals signals = Signals::kIgnore;
  // Performs Spawn; empty: logged as not possible here.
  std::function<void(RankId)> spawn;
};

class ControllerServer {
 public:
  // Listens. Errors: kUsage for an address beyond loopback without secret or TLS; kIo where the
  // address is taken or not of this host.
  [[nodiscard]] static Result<std::unique_ptr<ControllerServer>> create(
      ServerOptions options, Brain brain, std::optional<JournalFile> journal, Log log);
  ~ControllerServer();
  ControllerServer(const ControllerServer&) = delete;
  ControllerServer& operator=(const ControllerServer&) = delete;

  // Where it listens, with the port that was chosen.
  [[nodiscard]] Endpoint listening() const;
  [[nodiscard]] std::optional<Endpoint> admin_listening() const;

  // Serves until the controller says Stop, stop() is called or a signal comes; then sends what is
  // queued (stop_patience at most), closes every connection and returns.
  void run();
  void stop();

 private:
  struct State;
  explicit ControllerServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace switchyard::net

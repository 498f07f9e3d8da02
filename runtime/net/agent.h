// runtime/net/agent.h -- the agent of a rank: a thread of its own that keeps the connection to the
// controller, carries the mailbox's messages both ways and says that the rank lives. It touches
// neither MPI nor a device, and the engine never waits for it: while the controller is away the
// tokens flow, and the agent tries again for ever (exponential backoff, full jitter, no oftener
// than its retry budget allows).
// Callers ignore SIGPIPE. Not the controller (controller_server.h) and not the client of a terminal
// (client.h).
// Thread safety: start() and stop() from one thread (the engine's); connected() from any.
#pragma once

#include <memory>

#include "runtime/base/log.h"
#include "runtime/control/backoff.h"
#include "runtime/control/mailbox.h"
#include "runtime/control/rank_gauges.h"
#include "runtime/control/retry_budget.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/secret.h"
#include "runtime/net/tls_identity.h"

namespace switchyard::net {

// What a heartbeat says.
using Pulse = control::RankGauges;

struct AgentOptions {
  Endpoint controller;
  Secret secret;
  std::shared_ptr<TlsIdentity> tls;  // null: plain
  // Who registers: rank, kind, pid, host, region, zone, model. The agent adds the incarnation that
  // the controller gave it, and the mailbox's standing() (epoch, sequences held).
  control::Register facts;
  // Ranks of the world that this one is in. A controller with another number of slots keeps another
  // cluster, and the agent gives up as if refused; 0: not looked at.
  std::uint32_t world_ranks = 0;
  Duration heartbeat_interval = std::chrono::milliseconds(250);
  Duration connect_limit = std::chrono::seconds(2);
  Duration frame_limit = std::chrono::seconds(10);  // of one message, either way
  Duration welcome_limit = std::chrono::seconds(10);
  // A controller that says nothing for so long hangs: it is left, and looked for again.
  Duration silence_limit = std::chrono::seconds(10);
  control::BackoffConfig backoff{std::chrono::milliseconds(50), std::chrono::seconds(1), 8};
  control::RetryBudgetConfig retries{0.2, 3, 100};  // of connecting again
  std::uint64_t seed = 0;                           // of the jitter; differs from rank to rank
};

class Agent {
 public:
  // Starts the thread; does not wait for the connection. `mailbox` and `pulse` outlive the agent.
  // The engine sees in its mailbox: Welcome after each registration (a view it knows or a newer
  // one; compare the incarnation), and Refused, after which this agent has given up: a rank that
  // wants to come back starts another, which registers as a new process.
  // Errors: kConfig for a backoff or a budget that is none.
  [[nodiscard]] static Result<std::unique_ptr<Agent>> start(AgentOptions options,
                                                            control::Mailbox& mailbox,
                                                            const Pulse& pulse, Log log);
  // As stop() without patience.
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Sends what has been posted, then closes; what has not left after `patience` is dropped.
  // Blocks: until done, `patience` at most. Afterwards the mailbox wakes no one.
  void stop(Duration patience);

  // Whether a controller has welcomed this rank and the connection stands.
  [[nodiscard]] bool connected() const noexcept;

 private:
  struct State;
  explicit Agent(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace switchyard::net

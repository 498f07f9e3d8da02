// runtime/net/agent_session.h -- one connection of an agent, from connect to its end: registers,
// then reads and writes until one of the two fails or the agent stops. Not the trying again
// (agent.cpp). Thread safety: the agent's thread only.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "runtime/net/agent.h"
#include "runtime/net/deadline_socket.h"
#include "runtime/net/task_group.h"
#include "runtime/net/wakeup.h"

namespace switchyard::net {

// What outlives a connection.
struct AgentLife {
  AgentLife(AgentOptions given, control::Mailbox& box, const Pulse& beat, asio::io_context& io)
      : options(std::move(given)),
        mailbox(box),
        pulse(beat),
        wakeup(io.get_executor()),
        tasks(io) {}

  AgentOptions options;
  control::Mailbox& mailbox;
  const Pulse& pulse;
  control::Incarnation incarnation;        // given by the first Welcome
  std::optional<control::Message> unsent;  // taken from the mailbox, not written yet
  // Written, but perhaps lost with the connection: sent again on the next one. The controller takes
  // each of these twice without harm; what generates tokens is told by the registration.
  struct Sent {
    TimePoint at;
    control::Message message;
  };
  std::deque<Sent> recent;
  std::deque<control::Message> again;  // to send before anything else
  Wakeup wakeup;                       // of whoever waits: the writer, or the next attempt
  TaskGroup tasks;
  std::shared_ptr<DeadlineSocket> socket;  // of the connection under way
  std::atomic<bool> connected{false};
  bool welcomed = false;  // on the connection under way or the last one
  bool refused = false;   // the controller will not have this rank
  bool stopping = false;  // leave once everything posted has left
  bool cut = false;       // leave at once
};

// Returns why the connection ended; never a success.
[[nodiscard]] Task<Result<void>> run_session(AgentLife& life);

// Makes `unsent` the next message to send, if there is one.
void take_next(AgentLife& life);

}  // namespace switchyard::net

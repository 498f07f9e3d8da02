// runtime/control/controller.h -- the controller as a pure state machine: membership by numbered
// slots, views by epoch in two phases, health, recovery, the ledger of requests, scaling and
// rebalancing. handle() takes what happened and answers with what must be done; it knows no socket,
// no thread and no clock (time is a parameter), so that whole clusters run in tests in virtual
// time. Not the networking (runtime/net) and not the parts it is made of (ledger.h, membership.h,
// ...). Thread safety: shared objects: unsafe.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/control/connection_id.h"
#include "runtime/control/controller_options.h"
#include "runtime/control/messages.h"

namespace switchyard::control {

enum class PeerKind : std::uint8_t { kAgent, kClient };

// ---- what happened ----
struct Connected {
  ConnectionId connection;
  PeerKind kind = PeerKind::kAgent;
};
struct Disconnected {
  ConnectionId connection;
  std::string reason;
};
struct Received {
  ConnectionId connection;
  Message message;
};
struct Tick {};  // every tick_interval
// What was sent to a client has left for it, all of it or nearly: there is room for more.
struct Drained {
  ConnectionId connection;
};
// What keeps the journal from the disk; empty: nothing does any more.
struct JournalNews {
  std::string trouble;
};
using Happening = std::variant<Connected, Disconnected, Received, Tick, Drained, JournalNews>;

// ---- what must be done ----
struct Send {
  ConnectionId connection;
  Message message;
};
struct Close {
  ConnectionId connection;
  std::string reason;
};
// Append to the journal before any later Send of the same handle() leaves.
struct Journal {
  std::vector<std::byte> record;
};
struct Log {
  Event event;
};
// Start one more rank process in the slot, where the host allows it.
struct Spawn {
  RankId rank;
};
struct Stop {};  // the cluster has ended: leave when everything sent has left
using Action = std::variant<Send, Close, Journal, Log, Spawn, Stop>;

class Controller {
 public:
  explicit Controller(ControllerOptions options);
  ~Controller();
  Controller(Controller&&) noexcept;
  Controller& operator=(Controller&&) noexcept;

  // Records that say what all records so far said, in less: replay() of them, and of what is
  // journaled from now on, gives the same state as replay() of everything (snapshot_part.h). To be
  // asked for when the actions of every handle() so far have been performed.
  [[nodiscard]] std::vector<std::vector<std::byte>> snapshot() const;
  // Rebuilds the state from the records of an earlier life, in order; before the first handle().
  // Errors: kBadInput naming the record.
  [[nodiscard]] Result<void> replay(const std::vector<std::vector<std::byte>>& records,
                                    TimePoint now);
  // In the order of happening. `now` never goes back.
  [[nodiscard]] std::vector<Action> handle(Happening happening, TimePoint now);

  // The cluster's state as `status` and /v1/cluster show it: JSON.
  [[nodiscard]] std::string status_json(TimePoint now) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace switchyard::control

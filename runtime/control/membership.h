// runtime/control/membership.h -- the numbered slots of a cluster and who sits in them: one process
// at a time, each life with an incarnation of its own. Decides who may register; a life that was
// declared dead never comes back (fencing). Not the roles (views) and not the verdicts (health.h).
// Thread safety: shared objects: unsafe. Time is an argument.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/control/connection_id.h"
#include "runtime/control/messages.h"
#include "runtime/control/phi_accrual.h"
#include "runtime/control/progress_watch.h"

namespace switchyard::control {

enum class SlotState : std::uint8_t {
  kEmpty,  // nobody has registered yet
  kLive,   // registered and connected
  kLost,   // the connection is gone; the life may come back until `lost_until`
  kDead,   // declared dead: fenced
  kLeft,   // said goodbye
};

struct Slot {
  SlotState state = SlotState::kEmpty;
  Incarnation incarnation;  // the newest life
  ConnectionId connection;  // 0 unless live
  RankKind kind = RankKind::kExpert;
  std::uint64_t pid = 0;
  std::string host;
  std::string region;
  std::string zone;
  std::string address;  // of a process that came later; else empty
  Phase phase = Phase::kStarting;
  TimePoint phase_since{};
  Epoch epoch;    // the newest view that it says it follows
  Epoch adopted;  // the newest view under which nothing older is open
  Heartbeat heartbeat;
  LoadReport load;
  std::optional<TimePoint> load_at;
  Duration computed{};  // since the last load report, without any: as its heartbeats tell
  TimePoint beat_at{};  // of the last heartbeat, or the registration
  std::optional<PhiAccrual> phi;
  ProgressWatch progress;
  TimePoint since{};                       // of the state
  TimePoint lost_until{};                  // kLost
  std::optional<TimePoint> awaited_until;  // kDead: a process is being started for the slot
  TimePoint unfit_until{};                 // gets no new role: it failed to prepare ...
  std::uint32_t failed_prepares = 0;       // ... so often in a row
  TimePoint failed_at{};                   // ... and then for the last time
  std::uint32_t spawn = 0;                 // which of all processes was started for it last
  bool cordoned = false;                   // this life is drained by an operator: it gets no role

  [[nodiscard]] bool alive() const noexcept {
    return state == SlotState::kLive || state == SlotState::kLost;
  }
};

[[nodiscard]] constexpr bool can_route(RankKind kind) noexcept { return kind != RankKind::kExpert; }
[[nodiscard]] constexpr bool can_hold(RankKind kind) noexcept { return kind != RankKind::kRouter; }

class Membership {
 public:
  Membership(std::uint32_t ranks, const PhiConfig& phi) : slots_(ranks), phi_(phi) {}

  enum class Entry : std::uint8_t {
    kNewLife,    // a process that has not been here before
    kReplacing,  // the same, in the slot of a life whose connection is gone: that one is dead
    kResumed,    // the life goes on over a new connection
  };
  // Whether the process may sit down. Errors: kBadInput (no such slot), kStaleEpoch (fenced: an old
  // life), kPeer (the slot is taken).
  [[nodiscard]] Result<Entry> judge(const Register& asks) const;

  // Sits down a new life; answers its incarnation.
  Incarnation seat(const Register& asks, ConnectionId connection, TimePoint now);
  // What there was before a restart: the newest life of a slot, as life_of() told it.
  void restore(const Register& life, SlotState state, bool cordoned, TimePoint now);
  // The newest life as it registered; what it follows and holds it says itself.
  [[nodiscard]] Register life_of(RankId rank) const;
  void resume(const Register& asks, ConnectionId connection, TimePoint now);
  void lose(RankId rank, TimePoint until, TimePoint now);
  void end(RankId rank, SlotState how, TimePoint now);
  // It could not prepare: it gets no new role for `rest`, twice as long after each further time in
  // a row, so that several that cannot are not tried in turns for ever.
  void failed_to_prepare(RankId rank, Duration rest, TimePoint now);
  // assigned: requests that it should have, by the ledger.
  void heartbeat(RankId rank, const Heartbeat& beat, std::size_t assigned, TimePoint now);
  // Any word of it is a sign of life.
  void heard(RankId rank, TimePoint now);
  // The controller itself stood still for so long.
  void excuse(Duration pause);

  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(slots_.size());
  }
  [[nodiscard]] bool has(RankId rank) const noexcept { return rank.index() < slots_.size(); }
  [[nodiscard]] Slot& at(RankId rank);
  [[nodiscard]] const Slot& at(RankId rank) const;
  // A life is going on in the slot, and it is this one.
  [[nodiscard]] bool lives(RankId rank, Incarnation incarnation) const;

 private:
  void fill(Slot& slot, const Register& asks, ConnectionId connection, TimePoint now);

  std::vector<Slot> slots_;  // [ranks]
  PhiConfig phi_;
};

[[nodiscard]] std::string_view to_string(SlotState state) noexcept;
[[nodiscard]] std::string_view to_string(RankKind kind) noexcept;

}  // namespace switchyard::control

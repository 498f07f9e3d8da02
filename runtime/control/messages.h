// runtime/control/messages.h -- what agents, clients and the controller say to each other.
// An agent speaks for one rank (a process in a numbered slot); a client is `launch`, `status`,
// `scale`, ... Payloads of requests and reports are opaque bytes here: only their makers in the
// engine and the launcher read them. Not the byte format (codec.h), not the sending (runtime/net).
// Thread safety: plain values; distinct objects: safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/base/ids.h"
#include "runtime/placement/view.h"

namespace switchyard::control {

using RequestId = StrongId<struct RequestTag>;  // a request of this cluster, in order of arrival
using Incarnation = StrongId<struct IncarnationTag>;  // one life of a process in a slot; 1, 2, ...

// Where a rank is in its life. A rank that loads or warms up may be silent for long.
enum class Phase : std::uint8_t {
  kStarting,  // registered, has no role yet
  kParked,    // a spare: connected, holds no weights
  kLoading,   // loads weights for a view that is being prepared
  kServing,   // follows the current view
  kDraining,  // takes no new sequences; leaves when the last is done or handed over
  kLeaving,   // said goodbye
};

// What a rank may be used for.
enum class RankKind : std::uint8_t { kRouter, kExpert, kBoth, kSpare };

// What the controller must know of the model to plan placements; equal on all ranks.
struct ModelFacts {
  std::uint32_t moe_layers = 0;
  std::uint32_t experts = 0;
  std::uint64_t expert_bytes = 0;  // of one expert as a rank holds it
  std::string fingerprint;         // model, precision and options that must agree
};

// Sequences that a router holds, told at registration so that a restarted controller can rebuild
// its ledger: the tokens generated so far.
struct HeldRequest {
  RequestId id;
  std::uint32_t attempt = 0;
  std::vector<std::uint32_t> tokens;
};

// ---- agent -> controller -------------------------------------------------------------------

struct Register {
  RankId rank;
  RankKind kind = RankKind::kExpert;
  Incarnation incarnation;  // 0: new process; else the life that goes on after a lost connection
  Epoch epoch;              // the newest view it follows; 0: none
  std::uint64_t pid = 0;
  std::string host;
  std::string region;
  std::string zone;
  std::string address;  // where the other ranks reach it, if it came later than they; else empty
  ModelFacts model;
  std::vector<HeldRequest> held;
};

struct Heartbeat {
  Phase phase = Phase::kStarting;
  Epoch epoch;
  std::uint64_t steps = 0;          // exchanges done (router) and batches served (expert rank)
  std::uint32_t open_requests = 0;  // sequences running or waiting here
  std::uint32_t open_jobs = 0;      // expert rank: dispatches that wait here or are being served
  std::uint64_t weights_read = 0;   // matrices, so far: grows while it loads, whatever it loads
  // For how long its engine has been at one batch, at one part of a step between two exchanges, or
  // at loading what it cannot go on without; 0: at nothing. Until it is over no report comes.
  std::uint64_t computing_ms = 0;
  std::uint32_t running_requests = 0;  // of the open ones; the others wait here for a seat
};

// Rows of requests under a residency rule that a router has sent to ranks of a region.
struct RestrictedSent {
  std::string origin;  // of the requests; see Assign::origin
  std::string region;
  std::uint64_t rows = 0;  // 0 is said too: nothing went there
};

// Load since the last report.
struct LoadReport {
  double seconds = 0;             // the window
  double busy_share = 0;          // 0..1 of the window spent computing, in whatever role
  double serve_seconds = 0;       // of the window inside expert FFNs, for the pairs that it served
  double queue_delay_us_p95 = 0;  // of dispatches before they were served
  double step_us_p50 = 0;         // routers
  double step_us_p95 = 0;
  double cpu_share = 0;       // 0..cores, of this process
  double cpu_busy_share = 0;  // 0..1 of the cores that it may use, whoever uses them; 0: not known
  double memory_share = 0;    // 0..1 of the memory that it may have, whoever has it; 0: not known
  std::uint64_t rss_bytes = 0;
  std::uint64_t tokens = 0;                    // prompt and generated
  std::vector<std::uint64_t> expert_pairs;     // [layers * experts] pairs served; empty: none
  std::vector<std::uint64_t> wait_us_by_peer;  // [ranks] routers: waited for each peer
  std::vector<std::uint64_t> bytes_by_peer;    // [ranks] sent to each peer
  // [ranks] routers: the shortest exchange with each peer so far; 0: none yet.
  std::vector<std::uint32_t> round_trip_us_by_peer;
  std::vector<RestrictedSent> restricted_rows;  // routers: every origin with every region
};

// Seen by the data plane: an exchange is open for longer than it should be.
struct Evidence {
  Epoch epoch;
  std::uint64_t waited_ms = 0;
  std::vector<RankId> silent;
};

// The experts of a prepared view are loaded here, or `error` says why not.
struct Prepared {
  Epoch epoch;
  std::string error;  // empty: ready
};

// This rank acts under the view from now on and has nothing open under an older one. Said for each
// Commit, also for one that comes again (the first answer may have been lost).
struct Adopted {
  Epoch epoch;
};

// Generated tokens, in order. `first`: index of the first of them among the generated ones.
struct Progress {
  RequestId id;
  std::uint32_t attempt = 0;
  std::uint32_t first = 0;
  std::vector<std::uint32_t> tokens;
};

// How the error of a request begins whose rows had nowhere to go within its residency rule.
inline constexpr std::string_view kResidencyUnsatisfiable = "residency_unsatisfiable";

// The error of a request that ended while it waited because all were to end (Ctrl-C): no fault.
// The payload is not a result but the tokens of earlier attempts (token_bytes.h).
inline constexpr std::string_view kEndedNow = "ended_now";

struct Finished {
  RequestId id;
  std::uint32_t attempt = 0;
  std::string error;               // empty: finished; else why it could not
  std::vector<std::byte> payload;  // the result, as the engine encodes it
};

// The last words of a rank; its report as the engine encodes it.
struct Goodbye {
  std::vector<std::byte> payload;
};

// ---- controller -> agent -------------------------------------------------------------------

struct Welcome {
  Incarnation incarnation;
  std::uint32_t ranks = 0;  // slots of the cluster
  // The current one, to be followed like a Commit; null before the first, and for a new life while
  // the view still names the dead one of its slot.
  std::shared_ptr<const placement::View> view;
};

struct Refused {
  std::string reason;
};

// Load what `view` needs of this rank; serve the old and the new epoch until told.
struct Prepare {
  std::shared_ptr<const placement::View> view;
};

// Act under the view from the next exchange on. Carries the view, so that a rank that was not asked
// to prepare (it has nothing to load) can follow too. What was prepared for this epoch or an older
// one, and not rolled back, counts as loaded: the Commit of the older one may have been lost.
struct Commit {
  std::shared_ptr<const placement::View> view;
};

// The transaction of this epoch will not be committed: drop what was loaded for it.
struct Rollback {
  Epoch epoch;
  std::string reason;
};

// No router uses an epoch below this one any more: drop experts that only older views need.
struct Retire {
  Epoch oldest;
};

struct Assign {
  RequestId id;
  std::uint32_t attempt = 0;           // 1, 2, ...; results of an older attempt are dropped
  std::string trace_parent;            // W3C traceparent, or empty
  std::vector<std::uint32_t> allowed;  // ranks that its rows may touch; empty: all
  // Under which its rows are counted, where it has a rule: the region it comes from, else the part
  // of the rule's name before its '/', else that name.
  std::string origin;
  std::vector<std::uint32_t>
      tokens;                      // generated by earlier attempts; the answer goes on after them
  std::vector<std::byte> payload;  // the request, as the engine encodes it
};

// Stop working on it and say nothing more of it (another router has it), or end it with what it
// has.
enum class CancelHow : std::uint8_t { kForget, kEndNow };
struct Cancel {
  RequestId id;
  CancelHow how = CancelHow::kForget;
};

struct Drain {};    // take no new sequences
struct Undrain {};  // take them again: the drain was taken back
struct Leave {};    // the run is over: send Goodbye and exit
// The controller lives; said to every agent each second, so that one that hangs is noticed.
struct Alive {};

// ---- client -> controller ------------------------------------------------------------------

struct NewRequest {
  std::string name;    // the client's id of it; the same one again is the same request
  std::string origin;  // region it comes from, or empty
  std::string regime;  // residency rule, e.g. "eu/gdpr", or empty
  std::string trace_parent;
  std::vector<std::byte> payload;
};

struct Submit {
  std::vector<NewRequest> requests;
};

enum class Wish : std::uint8_t {
  kStatus,     // answer with the state now
  kWatch,      // and with every event and result from now on
  kScale,      // `amount` expert ranks
  kDrain,      // rank `amount`
  kRebalance,  // plan and move
  kReplicas,   // `amount` copies of each expert
  kEndNow,     // requests end with what they have (Ctrl-C)
  kShutdown,   // all ranks leave, then the controller
  kUndrain,    // rank `amount` works again, or may
};
struct Command {
  Wish wish = Wish::kStatus;
  std::uint32_t amount = 0;
};

// Move the experts to where a plan has them.
struct Place {
  std::string plan;  // JSON, as `place` writes it (docs/PLAN.md)
};

// ---- controller -> client ------------------------------------------------------------------

struct Answer {
  bool accepted = false;
  std::string code;  // stable word: ok, busy, invalid, unknown_rank, too_few_ranks,
                     // residency, ...
  std::string reason;
  std::string status;  // JSON of the cluster's state where asked for
};

struct RequestDone {
  RequestId id;
  std::string name;
  std::string error;               // empty: finished
  std::vector<std::byte> payload;  // the engine's result; every token is in it
};

// What a life that died had reported of its load, summed up: at least that, for its last second,
// and what it reported to an earlier controller, are missing.
struct LastLoads {
  Incarnation life;
  bool router = false;  // its roles in the view of the time
  bool expert = false;
  std::uint64_t tokens = 0;
  std::uint64_t pairs_served = 0;
  double serve_seconds = 0;
  std::uint64_t bytes_sent = 0;
  std::vector<RestrictedSent> restricted_rows;
};

// A rank's last report, passed on to clients that watch.
struct RankLeft {
  RankId rank;
  std::vector<std::byte> payload;  // empty where it died
  LastLoads last = {};             // where it died
};

// Whom and what an event is about, for programs that read logs; what does not apply stays out.
struct EventAbout {
  static constexpr std::uint32_t kNone = UINT32_MAX;
  RankId rank{kNone};
  Epoch epoch;  // 0: none
  RequestId request{kNone};
  std::string trace_id;  // of the request
};

// One line of what happened: for people and logs. An agent tells the controller of its rank's
// breakers this way (number 0); the controller numbers it and passes it on.
struct Event {
  std::uint64_t number = 0;
  std::string kind;  // stable word: rank_joined, rank_dead, view_committed, request_resumed, ...
  std::string text;
  EventAbout about = {};
};

// In the order of their types on the wire: agents', then the controller's to agents, clients', the
// controller's to clients (speaker.h).
using Message = std::variant<Register, Heartbeat, LoadReport, Evidence, Prepared, Adopted, Progress,
                             Finished, Goodbye, Welcome, Refused, Prepare, Commit, Rollback, Retire,
                             Assign, Cancel, Drain, Undrain, Leave, Alive, Submit, Command, Place,
                             Answer, RequestDone, RankLeft, Event>;

}  // namespace switchyard::control

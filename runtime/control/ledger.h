// runtime/control/ledger.h -- the requests of a cluster: who works on which, the tokens generated
// so far, the results. A request is assigned to one life of one router at a time; each assignment
// is an attempt, and what an older attempt says is dropped, so that every request ends exactly
// once. Not the choice of the router and not the journal. Thread safety: shared objects: unsafe.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/control/messages.h"
#include "runtime/control/waiting_line.h"

namespace switchyard::control {

enum class RequestState : std::uint8_t { kWaiting, kAssigned, kDone };

// One life of one rank.
struct Holder {
  RankId rank;
  Incarnation life;
  auto operator<=>(const Holder&) const = default;
};

struct Request {
  RequestId id;
  NewRequest what;
  RequestState state = RequestState::kWaiting;
  std::uint32_t attempt = 0;
  std::uint32_t failures = 0;             // attempts that no death ended
  Holder holder;                          // kAssigned
  std::vector<std::uint32_t> tokens;      // generated so far
  std::size_t tokens_before = 0;          // kAssigned: of earlier attempts
  std::uint64_t given = 0;                // kAssigned: which of all assignments it is
  TimePoint waiting_since{};              // kWaiting
  std::optional<TimePoint> orphan_at;     // kAssigned, but its holder says that it has it not
  std::string error;                      // kDone
  std::vector<std::byte> result;          // kDone
  std::optional<TimePoint> delivered_at;  // to the first client that was told
};

// What became of a router's words about a request.
enum class WordOutcome : std::uint8_t {
  kTaken,
  kStale,    // of an older attempt, or said before
  kGap,      // tokens are missing in between
  kDiffers,  // other tokens than an earlier attempt generated: somebody is not exact
  kForeign,  // no such request or attempt, or it is another router's
};

class Ledger {
 public:
  explicit Ledger(std::uint32_t requests_max) : requests_max_(requests_max) {}

  // Those that are not held yet, each once. A request is known by its name; one with an empty name
  // is always new.
  [[nodiscard]] std::vector<NewRequest> unknown(std::vector<NewRequest> requests) const;
  // Of unknown(). Errors: kLimit, and nothing was taken. Results that were delivered make room.
  [[nodiscard]] Result<std::vector<RequestId>> submit(std::vector<NewRequest> requests,
                                                      TimePoint now);
  // As submit() did it in an earlier life: what made room then makes room now, delivered or not.
  [[nodiscard]] Result<void> submit_again(std::vector<NewRequest> requests, TimePoint now);
  // What there was before a restart: the id that comes next, then the requests, ended ones in the
  // order of their ends. Errors: kBadInput for what cannot have been.
  void restore(RequestId next) { next_ = next; }
  [[nodiscard]] Result<void> restore(Request request, TimePoint now);
  // A new attempt by `holder`; answers its number.
  std::uint32_t assign(RequestId id, Holder holder);
  [[nodiscard]] WordOutcome progress(const Holder& from, const Progress& word);
  [[nodiscard]] WordOutcome finish(const Holder& from, Finished word);
  // Ends a request that no router ended.
  void fail(RequestId id, std::string error, std::vector<std::byte> result = {});
  // Back to the waiting ones. retry_at: it owes for another try, and not before that time.
  void release(RequestId id, TimePoint now, std::optional<TimePoint> retry_at = {});
  // For a try that it owes for.
  void pay(RequestId id) { waiting_.pay(id); }
  // Of what that life has and has made no token of: the `count` that it was given last, the last
  // one first.
  [[nodiscard]] std::vector<RequestId> unbegun(const Holder& holder, std::size_t count) const;
  // Ids assigned to that life, ascending.
  [[nodiscard]] std::vector<RequestId> held_by(const Holder& holder) const;

  // Forgets results that were delivered so long ago: those at the front of done().
  void expire(Duration kept, TimePoint now);

  // What a router that has reconnected says it holds. `forget`: what it should drop. Requests that
  // it should hold and does not become orphans at `orphan_at`.
  // Errors: kPeer for requests that were never made.
  [[nodiscard]] Result<std::vector<RequestId>> reconcile(const Holder& holder,
                                                         const std::vector<HeldRequest>& held,
                                                         TimePoint orphan_at);

  [[nodiscard]] const Request* find(RequestId id) const;
  [[nodiscard]] Request& at(RequestId id);
  [[nodiscard]] const WaitingLine& waiting() const noexcept { return waiting_; }
  // The orphan whose time came first, if it has come.
  [[nodiscard]] std::optional<RequestId> orphan(TimePoint now) const;
  [[nodiscard]] std::size_t open_count(RankId rank) const;
  [[nodiscard]] std::size_t open_count() const noexcept { return requests_.size() - done_.size(); }
  // Done ones that are still held, in the order in which they ended.
  [[nodiscard]] const std::deque<RequestId>& done() const noexcept { return done_; }
  [[nodiscard]] std::uint32_t submitted() const noexcept { return next_.value(); }
  [[nodiscard]] const std::map<RequestId, Request>& all() const noexcept { return requests_; }

 private:
  enum class MakeRoom : std::uint8_t { kOfDelivered, kOfDone };
  void make_room(std::size_t count, MakeRoom how);
  void drop_oldest_done();
  void hold(Request request);
  void leave_state(Request& request);
  void orphan_from(Request& request, std::optional<TimePoint> at);
  void end(Request& request, std::string error, std::vector<std::byte> result);
  [[nodiscard]] std::optional<WordOutcome> refuse(const Holder& from, RequestId id,
                                                  std::uint32_t attempt) const;

  std::uint32_t requests_max_;
  RequestId next_;
  std::map<RequestId, Request> requests_;
  std::set<std::string> names_;  // of requests_
  WaitingLine waiting_;
  std::map<RankId, std::set<RequestId>> assigned_;
  std::uint64_t given_ = 0;                            // assignments so far
  std::set<std::pair<TimePoint, RequestId>> orphans_;  // those with an orphan_at
  std::deque<RequestId> done_;
};

}  // namespace switchyard::control

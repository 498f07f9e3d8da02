// runtime/base/circuit_breaker.h -- stops calls to a peer that keeps failing, and tries it again
// with one probe. closed -> open after failures in a row; open -> half-open when its time is over
// and somebody wants to call; half-open -> closed or open by the probe's outcome. Pattern: Nygard,
// "Release It!", 2007. Each transition is an event with its reason.
// A caller asks for a pass and reports its outcome. Passes of an earlier state do not count: what
// was sent before the breaker opened says nothing about the peer of now. Thread safety: distinct
// objects: safe; shared objects: unsafe. Time is an argument.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/ids.h"

namespace switchyard {

enum class BreakerState { kClosed, kOpen, kHalfOpen };

enum class BreakerReason {
  kFailuresInRow,   // closed -> open
  kOpenTimeOver,    // open -> half-open
  kProbeSucceeded,  // half-open -> closed
  kProbeFailed,     // half-open -> open
  kProbeOverdue,    // half-open -> open: the probe was never reported
  kPeerReplaced,    // -> closed: another process is there, or none
};

enum class CallOutcome {
  kSuccess,
  kFailure,    // the peer's fault: no answer, a broken connection, a protocol error
  kNoVerdict,  // cancelled, or the caller's own fault: says nothing about the peer
};

struct BreakerConfig {
  std::uint32_t failures_max = 5;  // in a row; the last of them opens
  Duration open_time = std::chrono::seconds(60);
  Duration probe_time_max = std::chrono::seconds(10);

  // Errors: kConfig naming the field.
  [[nodiscard]] Result<void> validate() const;
};

struct BreakerEvent {
  TimePoint at;
  RankId peer;
  BreakerState from;
  BreakerState to;
  BreakerReason reason;
  std::string text;  // "rank 3: closed -> open: 5 failures in a row, the last: no answer in 200 ms"
};

class CircuitBreaker {
 public:
  // The right to make one call; to be reported once.
  class Pass {
   private:
    friend class CircuitBreaker;
    explicit Pass(std::uint64_t generation) : generation_(generation) {}
    std::uint64_t generation_;
  };
  struct Admission {
    std::optional<Pass> pass;           // nothing: do not call
    std::optional<BreakerEvent> event;  // when asking changed the state
  };

  [[nodiscard]] static Result<CircuitBreaker> create(const BreakerConfig& config, RankId peer);

  [[nodiscard]] Admission try_pass(TimePoint now);
  // `why` describes a failure; it goes into the event.
  [[nodiscard]] std::optional<BreakerEvent> report(Pass pass, CallOutcome outcome, TimePoint now,
                                                   std::string_view why = {});

  // The peer is not the one that failed any more. An event where that closes the breaker.
  std::optional<BreakerEvent> reset(TimePoint now);

  // As of the last call; an open breaker becomes half-open only when somebody asks.
  [[nodiscard]] BreakerState state() const noexcept { return state_; }
  [[nodiscard]] std::uint32_t failures_in_row() const noexcept { return failures_; }
  [[nodiscard]] RankId peer() const noexcept { return peer_; }

 private:
  CircuitBreaker(const BreakerConfig& config, RankId peer) : config_(config), peer_(peer) {}
  BreakerEvent move_to(BreakerState to, BreakerReason reason, TimePoint now, std::string_view what);

  BreakerConfig config_;
  RankId peer_;
  BreakerState state_ = BreakerState::kClosed;
  std::uint64_t generation_ = 0;  // of the state; a pass carries the one it was given in
  std::uint32_t failures_ = 0;
  TimePoint since_{};  // of the state
  std::optional<TimePoint> probe_started_;
};

[[nodiscard]] std::string_view to_string(BreakerState state) noexcept;
[[nodiscard]] std::string_view to_string(BreakerReason reason) noexcept;

}  // namespace switchyard

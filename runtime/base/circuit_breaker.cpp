#include "runtime/base/circuit_breaker.h"

#include "runtime/base/check.h"

namespace switchyard {

Result<void> BreakerConfig::validate() const {
  if (failures_max == 0)
    return fail(ErrorCode::kConfig, "breaker: failures_max must be at least 1");
  if (open_time <= Duration::zero()) {
    return fail(ErrorCode::kConfig, "breaker: open_time must be positive");
  }
  if (probe_time_max <= Duration::zero()) {
    return fail(ErrorCode::kConfig, "breaker: probe_time_max must be positive");
  }
  return {};
}

Result<CircuitBreaker> CircuitBreaker::create(const BreakerConfig& config, RankId peer) {
  SY_TRY(config.validate());
  return CircuitBreaker(config, peer);
}

BreakerEvent CircuitBreaker::move_to(BreakerState to, BreakerReason reason, TimePoint now,
                                     std::string_view what) {
  BreakerEvent event{
      now,
      peer_,
      state_,
      to,
      reason,
      fmt::format("rank {}: {} -> {}: {}", peer_.value(), to_string(state_), to_string(to), what)};
  state_ = to;
  since_ = now;
  ++generation_;
  probe_started_.reset();
  if (to == BreakerState::kClosed) failures_ = 0;
  return event;
}

CircuitBreaker::Admission CircuitBreaker::try_pass(TimePoint now) {
  Admission out;
  switch (state_) {
    case BreakerState::kClosed: out.pass = Pass(generation_); return out;
    case BreakerState::kOpen:
      if (now - since_ < config_.open_time) return out;
      out.event = move_to(BreakerState::kHalfOpen, BreakerReason::kOpenTimeOver, now,
                          fmt::format("open for {:.1f} s, one probe", to_seconds(now - since_)));
      break;
    case BreakerState::kHalfOpen:
      if (probe_started_ && now - *probe_started_ > config_.probe_time_max) {
        out.event = move_to(BreakerState::kOpen, BreakerReason::kProbeOverdue, now,
                            fmt::format("no outcome of the probe within {:.1f} s",
                                        to_seconds(config_.probe_time_max)));
        return out;
      }
      if (probe_started_) return out;
      break;
  }
  probe_started_ = now;
  out.pass = Pass(generation_);
  return out;
}

std::optional<BreakerEvent> CircuitBreaker::report(Pass pass, CallOutcome outcome, TimePoint now,
                                                   std::string_view why) {
  if (pass.generation_ != generation_) return std::nullopt;
  SY_CHECK(state_ != BreakerState::kOpen, "rank {}: a pass of an open breaker", peer_.value());
  if (state_ == BreakerState::kHalfOpen) {
    probe_started_.reset();
    switch (outcome) {
      case CallOutcome::kNoVerdict: return std::nullopt;  // the next caller probes
      case CallOutcome::kSuccess:
        return move_to(BreakerState::kClosed, BreakerReason::kProbeSucceeded, now,
                       "the probe succeeded");
      case CallOutcome::kFailure:
        ++failures_;
        return move_to(BreakerState::kOpen, BreakerReason::kProbeFailed, now,
                       fmt::format("the probe failed: {}", why));
    }
  }
  if (outcome == CallOutcome::kSuccess) failures_ = 0;
  if (outcome != CallOutcome::kFailure || ++failures_ < config_.failures_max) return std::nullopt;
  return move_to(BreakerState::kOpen, BreakerReason::kFailuresInRow, now,
                 fmt::format("{} failures in a row, the last: {}", failures_, why));
}

std::optional<BreakerEvent> CircuitBreaker::reset(TimePoint now) {
  failures_ = 0;
  ++generation_;
  if (state_ == BreakerState::kClosed) return std::nullopt;
  return move_to(BreakerState::kClosed, BreakerReason::kPeerReplaced, now, "the peer was replaced");
}

std::string_view to_string(BreakerState state) noexcept {
  switch (state) {
    case BreakerState::kClosed: return "closed";
    case BreakerState::kOpen: return "open";
    case BreakerState::kHalfOpen: return "half-open";
  }
  return "unknown";
}

std::string_view to_string(BreakerReason reason) noexcept {
  switch (reason) {
    case BreakerReason::kFailuresInRow: return "failures_in_row";
    case BreakerReason::kOpenTimeOver: return "open_time_over";
    case BreakerReason::kProbeSucceeded: return "probe_succeeded";
    case BreakerReason::kProbeFailed: return "probe_failed";
    case BreakerReason::kProbeOverdue: return "probe_overdue";
    case BreakerReason::kPeerReplaced: return "peer_replaced";
  }
  return "unknown";
}

}  // namespace switchyard

// runtime/moe/view_feed.h -- how a data plane learns of new views while it works. Implemented above
// (the engine's worker, which asks the control plane); a plane without a feed keeps its first view.
// Thread safety: called from the rank's engine thread only.
#pragma once

#include <memory>
#include <span>

#include "runtime/base/circuit_breaker.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/placement/view.h"

namespace switchyard::moe {

class ViewFeed {
 public:
  virtual ~ViewFeed() = default;
  // The newest view to act under, or null while there is none; all that this rank needs for it is
  // there. Also takes what the control plane says and what was loaded meanwhile, so it is called
  // between exchanges and again and again while one waits. Errors: end
  // this rank's work.
  [[nodiscard]] virtual Result<std::shared_ptr<const placement::View>> poll() = 0;
  // For how long nobody has led this rank. Zero: somebody does, and it is that one's to say when an
  // exchange has waited too long.
  [[nodiscard]] virtual Duration unled() const { return Duration::zero(); }
  // Nobody wants the answers that this rank waits for any more: it may leave its exchanges.
  [[nodiscard]] virtual bool unwanted() { return false; }
  // An exchange of that epoch has been open for `waited`; these ranks owe it an answer.
  virtual void report_silent(Epoch epoch, Duration waited, std::span<const RankId> silent) = 0;
  // This router's breaker of a peer has opened, probes or has closed.
  virtual void report_breaker(const BreakerEvent& event) = 0;
};

}  // namespace switchyard::moe

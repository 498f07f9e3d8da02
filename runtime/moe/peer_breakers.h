// runtime/moe/peer_breakers.h -- a router's circuit breakers, one for each expert rank: which ranks
// its next exchange should rather not go to, because the last ones there failed. Evidence only: the
// choice among live copies follows it, the membership never does (the controller decides on that),
// and where no other copy lives the rank is asked all the same. Results do not depend on it.
// Not the breaker itself (base/circuit_breaker.h) and not the choice (dispatch_plan.h).
// Thread safety: shared objects: unsafe (the rank's engine thread). Time is an argument.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/base/circuit_breaker.h"
#include "runtime/moe/dispatch_plan.h"

namespace switchyard::moe {

class PeerBreakers {
 public:
  // ranks: of the world; self: never broken. Errors: kConfig.
  [[nodiscard]] static Result<PeerBreakers> create(const BreakerConfig& config, std::size_t ranks,
                                                   RankId self, std::size_t micro_batches);

  // An exchange is about to be planned: which ranks to avoid, [ranks], 1 for those; empty: none.
  // A rank whose breaker has been open for long enough is let through once, as a probe.
  [[nodiscard]] std::span<const std::uint8_t> avoided(std::size_t micro_batch, TimePoint now);
  // It was planned: these ranks are asked.
  void begin(std::size_t micro_batch, std::span<const RankPlan> asked, TimePoint now);
  // What became of the exchange with one of them; counts once.
  void report(std::size_t micro_batch, RankId peer, CallOutcome outcome, TimePoint now,
              std::string_view why);
  // The same for all those that nothing was reported of.
  void end(std::size_t micro_batch, CallOutcome outcome, TimePoint now);
  // The rank has left the view: whoever comes to its slot starts with a closed breaker.
  void forget(RankId peer, TimePoint now);

  // What happened to breakers, in order, each once.
  [[nodiscard]] std::optional<BreakerEvent> next_event();
  [[nodiscard]] BreakerState state(RankId peer) const { return breakers_[peer.index()].state(); }

 private:
  using Pass = std::optional<CircuitBreaker::Pass>;
  PeerBreakers(const BreakerConfig& config, RankId self) : config_(config), self_(self) {}
  [[nodiscard]] Pass& pass(std::size_t micro_batch, std::size_t peer) {
    return passes_[micro_batch * breakers_.size() + peer];
  }
  void note(std::optional<BreakerEvent> event);

  BreakerConfig config_;
  RankId self_;
  std::vector<CircuitBreaker> breakers_;  // [ranks]
  std::vector<Pass> passes_;              // [micro-batches * ranks] of exchanges that are open
  std::vector<std::uint8_t> avoided_;     // [ranks]
  std::size_t not_closed_ = 0;            // breakers
  std::deque<BreakerEvent> events_;
};

}  // namespace switchyard::moe

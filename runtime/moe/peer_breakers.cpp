#include "runtime/moe/peer_breakers.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace switchyard::moe {

Result<PeerBreakers> PeerBreakers::create(const BreakerConfig& config, std::size_t ranks,
                                          RankId self, std::size_t micro_batches) {
  PeerBreakers out(config, self);
  for (std::uint32_t r = 0; r < ranks; ++r) {
    SY_ASSIGN(const CircuitBreaker breaker, CircuitBreaker::create(config, RankId(r)));
    out.breakers_.push_back(breaker);
  }
  out.passes_.resize(micro_batches * ranks);
  out.avoided_.resize(ranks);
  return out;
}

void PeerBreakers::note(std::optional<BreakerEvent> event) {
  if (!event) return;
  events_.push_back(*std::move(event));
  not_closed_ =
      static_cast<std::size_t>(std::ranges::count_if(breakers_, [](const CircuitBreaker& breaker) {
        return breaker.state() != BreakerState::kClosed;
      }));
}

std::span<const std::uint8_t> PeerBreakers::avoided(std::size_t micro_batch, TimePoint now) {
  end(micro_batch, CallOutcome::kNoVerdict, now);
  if (not_closed_ == 0) return {};
  for (std::size_t peer = 0; peer < breakers_.size(); ++peer) {
    avoided_[peer] = 0;
    if (breakers_[peer].state() == BreakerState::kClosed) continue;
    auto admission = breakers_[peer].try_pass(now);
    pass(micro_batch, peer) = admission.pass;
    avoided_[peer] = admission.pass ? 0 : 1;
    note(std::move(admission.event));
  }
  return avoided_;
}

void PeerBreakers::begin(std::size_t micro_batch, std::span<const RankPlan> asked, TimePoint now) {
  if (not_closed_ > 0) {
    // A probe for which the plan has no rows makes room for another.
    for (std::size_t peer = 0; peer < breakers_.size(); ++peer) {
      const bool is_asked = std::ranges::any_of(
          asked, [peer](const RankPlan& plan) { return plan.rank.index() == peer; });
      auto& unused = pass(micro_batch, peer);
      if (!unused || is_asked) continue;
      note(breakers_[peer].report(*std::exchange(unused, std::nullopt), CallOutcome::kNoVerdict,
                                  now));
    }
  }
  for (const RankPlan& plan : asked) {
    const std::size_t peer = plan.rank.index();
    if (plan.rank == self_ || breakers_[peer].state() != BreakerState::kClosed) continue;
    pass(micro_batch, peer) = breakers_[peer].try_pass(now).pass;
  }
}

void PeerBreakers::report(std::size_t micro_batch, RankId peer, CallOutcome outcome, TimePoint now,
                          std::string_view why) {
  auto& given = pass(micro_batch, peer.index());
  if (!given) return;
  note(breakers_[peer.index()].report(*std::exchange(given, std::nullopt), outcome, now, why));
}

void PeerBreakers::end(std::size_t micro_batch, CallOutcome outcome, TimePoint now) {
  for (std::uint32_t peer = 0; peer < breakers_.size(); ++peer) {
    report(micro_batch, RankId(peer), outcome, now, {});
  }
}

void PeerBreakers::forget(RankId peer, TimePoint now) {
  auto& breaker = breakers_[peer.index()];
  if (breaker.state() == BreakerState::kClosed && breaker.failures_in_row() == 0) return;
  for (std::size_t i = peer.index(); i < passes_.size(); i += breakers_.size()) passes_[i].reset();
  note(breaker.reset(now));
}

std::optional<BreakerEvent> PeerBreakers::next_event() {
  if (events_.empty()) return std::nullopt;
  BreakerEvent first = std::move(events_.front());
  events_.pop_front();
  return first;
}

}  // namespace switchyard::moe

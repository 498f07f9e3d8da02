// runtime/moe/exchange_spans.h -- what the data plane notes in the rank's timeline: the parts of an
// exchange on the router's side, the batches and jobs on the expert's. Called only where there is a
// timeline. Thread safety: functions without state; the rank's engine thread.
#pragma once

#include <algorithm>
#include <span>

#include "runtime/base/timeline.h"
#include "runtime/moe/dispatch_plan.h"
#include "runtime/moe/wire.h"

namespace switchyard::moe {

[[nodiscard]] inline Span span_of(SpanKind kind, const ExchangeKey& key) noexcept {
  Span span;
  span.kind = kind;
  span.step = key.step;
  span.epoch = key.epoch.value();
  span.layer = static_cast<std::uint16_t>(key.layer);
  span.micro_batch = static_cast<std::uint8_t>(key.micro_batch);
  return span;
}

[[nodiscard]] inline Span span_of(SpanKind kind, const ExchangeKey& key, const DispatchPlan& plan,
                                  ExchangeEnd end = ExchangeEnd::kAnswered) noexcept {
  Span span = span_of(kind, key);
  for (const auto& part : plan.ranks) {
    span.rows() += part.row_count;
    span.pairs() += part.pair_count;
  }
  span.count() = static_cast<std::uint32_t>(plan.ranks.size());
  span.extra() = static_cast<std::uint32_t>(end);
  return span;
}

[[nodiscard]] inline Span leg_of(const ExchangeKey& key, const RankPlan& part,
                                 ExchangeEnd end) noexcept {
  Span span = span_of(SpanKind::kLeg, key);
  span.peer() = part.rank.value();
  span.rows() = part.row_count;
  span.pairs() = part.pair_count;
  span.extra() = static_cast<std::uint32_t>(end);
  return span;
}

[[nodiscard]] inline Span job_of(const Dispatch& dispatch, RankId router) noexcept {
  Span span = span_of(SpanKind::kJob, dispatch.key);
  span.peer() = router.value();
  span.rows() = static_cast<std::uint32_t>(dispatch.row_count);
  span.pairs() = static_cast<std::uint32_t>(dispatch.pairs.size());
  return span;
}

// The pairs of each expert of a batch, several to a record; range_end[e]: where the pairs of expert
// e end among those of the batch, in the order of experts.
inline void note_experts(Timeline& timeline, Span serve, std::span<const std::uint32_t> range_end,
                         TimePoint begin, TimePoint end) noexcept {
  constexpr std::uint32_t kPairsMax = (std::uint32_t{1} << kExpertPairBits) - 1;
  serve.kind = SpanKind::kExperts;
  serve.data = {};
  std::size_t used = 0;
  std::uint32_t from = 0;
  for (std::uint32_t e = 0; e < range_end.size(); ++e) {
    for (std::uint32_t left = range_end[e] - from; left != 0;) {
      const std::uint32_t pairs = std::min(left, kPairsMax);
      serve.data[used++] = (e << kExpertPairBits) | pairs;
      left -= pairs;
      if (used < serve.data.size()) continue;
      timeline.add(serve, begin, end);
      serve.data = {};
      used = 0;
    }
    from = range_end[e];
  }
  if (used != 0) timeline.add(serve, begin, end);
}

}  // namespace switchyard::moe

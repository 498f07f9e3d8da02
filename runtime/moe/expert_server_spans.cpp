// What an expert server notes on the rank's timeline.
#include "runtime/moe/exchange_spans.h"
#include "runtime/moe/expert_server.h"

namespace switchyard::moe {

void ExpertServer::note_batch(TimePoint start) {
  const TimePoint end = options_.timeline->now();
  // The batch has a layer; steps and micro-batches are those of its jobs.
  Span span = span_of(SpanKind::kServe, inboxes_[batch_.front()].dispatch.key);
  span.step = 0;
  span.micro_batch = 0;
  for (const std::size_t inbox : batch_) {
    span.rows() += static_cast<std::uint32_t>(inboxes_[inbox].dispatch.row_count);
    span.pairs() += static_cast<std::uint32_t>(inboxes_[inbox].dispatch.pairs.size());
  }
  span.count() = static_cast<std::uint32_t>(batch_.size());
  options_.timeline->add(span, start, end);
  note_experts(*options_.timeline, span, std::span(expert_begin_).first(options_.shape.experts),
               start, end);
}

}  // namespace switchyard::moe

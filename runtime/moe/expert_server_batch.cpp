// When a batch of an expert server is over, and what it notes of it: busy time, and spans on the
// rank's timeline.
#include <algorithm>

#include "runtime/moe/exchange_spans.h"
#include "runtime/moe/expert_server.h"

namespace switchyard::moe {

// The own router's combine follows on the device, and so do the sends of a transport that follows
// its queue; another reads the rows now. Whoever draws a timeline wants to know when a batch is
// over, and pays for it.
Result<void> ExpertServer::end_batch(TimePoint start) {
  const auto own = [this](std::size_t inbox) { return is_own(inbox); };
  const bool follows = transport_.follows_queue() && options_.timeline == nullptr;
  if (!follows && !std::ranges::all_of(batch_, own)) {
    SY_TRY(device_.synchronize_while([this] { return transport_.progress(); }));
  }
  SY_ASSIGN(const std::uint64_t mark, device_.mark());
  running_.push_back({start, mark});
  return note_busy();
}

// One batch after the other, as the device runs them; its idle time between two does not count.
Result<void> ExpertServer::note_busy() {
  std::size_t over = 0;
  for (; over < running_.size(); ++over) {
    SY_ASSIGN(const bool passed, device_.passed(running_[over].mark));
    if (!passed) break;
    const TimePoint now = clock_.now();
    const Duration busy = now - std::max(running_[over].start, busy_until_);
    counters_.busy_ns += static_cast<std::uint64_t>(busy.count());
    busy_until_ = now;
  }
  running_.erase(running_.begin(), running_.begin() + static_cast<std::ptrdiff_t>(over));
  return {};
}

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

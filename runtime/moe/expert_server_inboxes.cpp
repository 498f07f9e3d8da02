// Which inbox of an expert server a dispatch is received into, and when an inbox is free again.
#include "runtime/moe/expert_server.h"

namespace switchyard::moe {

std::span<ExpertServer::Inbox> ExpertServer::inboxes_of(std::size_t router) {
  return std::span(inboxes_).subspan(router * inboxes_per_router_, inboxes_per_router_);
}

// True when a dispatch may be received into it.
Result<bool> ExpertServer::set_free(std::size_t inbox) {
  auto& box = inboxes_[inbox];
  if (box.sending) {
    SY_ASSIGN(const bool done, transport_.send_done(*box.sending));
    if (!done) return false;
    box.sending.reset();
    box.state = Inbox::State::kEmpty;
  }
  if (box.state == Inbox::State::kLost && transport_.receive_over(box.half_received)) {
    box.state = Inbox::State::kEmpty;
  }
  return box.state == Inbox::State::kEmpty;
}

Error ExpertServer::no_inbox(RankId router, std::size_t lost) const {
  const std::string text =
      lost == 0 ? fmt::format("router rank {} sent more than {} dispatches at once", router.value(),
                              options_.shape.micro_batches)
                : fmt::format("router rank {} left {} of its {} dispatches half sent",
                              router.value(), lost, inboxes_per_router_);
  return {ErrorCode::kPeer, ErrorScope::kPeer, text};
}

// A router has at most micro_batches dispatches in flight, so one of its inboxes is empty, or its
// answer has been received and only the transport has not said so yet, or it was stopped so often
// that the rest of its old messages has still to come: then none, for now.
Result<std::optional<std::size_t>> ExpertServer::free_inbox(std::size_t router) {
  bool sending = false;
  std::size_t lost = 0;
  for (std::size_t i = 0; i < inboxes_per_router_; ++i) {
    const std::size_t inbox = router * inboxes_per_router_ + i;
    SY_ASSIGN(const bool is_free, set_free(inbox));
    if (is_free) {
      blocked_until_.reset();
      return inbox;
    }
    sending |= inboxes_[inbox].sending.has_value();
    if (inboxes_[inbox].state == Inbox::State::kLost) ++lost;
  }
  const RankId rank = options_.routers[router];
  if (!sending && lost == 0) return Unexpected(no_inbox(rank, lost));
  if (!blocked_until_) {
    blocked_until_ = Deadline::after(clock_, sending ? options_.send_deadline : options_.lost_wait);
  }
  if (!blocked_until_->passed(clock_)) return std::nullopt;
  if (!sending) return Unexpected(no_inbox(rank, lost));
  return fail(ErrorCode::kDeadline, ErrorScope::kPeer,
              "router rank {} did not take its answer in time (epoch {})", rank.value(),
              options_.oldest_epoch.value());
}

Result<bool> ExpertServer::receive_one() {
  SY_ASSIGN(const auto arrival, transport_.probe(comm::Channel::kDispatch));
  if (!arrival) return false;
  const auto router = router_index(arrival->from);
  if (!router || !x_.fits(*arrival, inbox_room_)) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "rank {} sent a dispatch of {} bytes; routers may send {} at most",
                arrival->from.value(), arrival->bytes + arrival->row_bytes, inbox_room_.sum());
  }
  SY_ASSIGN(const auto inbox, free_inbox(*router));
  if (!inbox) return false;
  const auto into = x_.incoming(inbox_room_.times(*inbox), *arrival);
  auto received = transport_.receive_rows(*arrival, into.head, into.rows);
  if (!received) {
    if (received.error().code != ErrorCode::kPeer) return Unexpected(std::move(received).error());
    inboxes_[*inbox].state = Inbox::State::kLost;
    inboxes_[*inbox].half_received = into.head.data();
    return true;
  }
  SY_TRY(accept(*inbox, into.head, arrival->row_bytes));
  return true;
}

// A router has one live dispatch per micro-batch; an earlier one that still waits is not wanted any
// more.
void ExpertServer::supersede(std::size_t inbox) {
  const auto micro_batch = inboxes_[inbox].dispatch.key.micro_batch;
  const std::size_t router = inbox / inboxes_per_router_;
  for (auto& other : inboxes_of(router)) {
    if (&other == &inboxes_[inbox] || other.state != Inbox::State::kWaiting) continue;
    if (other.dispatch.key.micro_batch != micro_batch) continue;
    counters_.pairs_superseded += other.dispatch.pairs.size();
    other.state = Inbox::State::kEmpty;
  }
}

// What still waits of older epochs nobody awaits: their routers have moved on or are dead.
void ExpertServer::set_oldest_epoch(Epoch oldest) {
  options_.oldest_epoch = oldest;
  for (auto& box : inboxes_) {
    if (box.state != Inbox::State::kWaiting || box.dispatch.key.epoch >= oldest) continue;
    counters_.pairs_superseded += box.dispatch.pairs.size();
    box.state = Inbox::State::kEmpty;
  }
  note_open_jobs();
}

void ExpertServer::withdraw_own(std::size_t micro_batch) {
  auto& box = inboxes_[own_index(micro_batch)];
  if (box.state == Inbox::State::kWaiting) {
    counters_.pairs_superseded += box.dispatch.pairs.size();
  }
  box.state = Inbox::State::kEmpty;
  note_open_jobs();
}

}  // namespace switchyard::moe

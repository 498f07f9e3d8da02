#include "comm/nccl/inbox.h"

#include <algorithm>

namespace switchyard::comm::nccl {

Inbox::Inbox(RankId from, RankId self, const InboxTools& tools)
    : from_(from), self_(self), tools_(tools), lane_(tools.reaper, tools.gpu) {}

void Inbox::drop_waiting() {
  for (Incoming& each : waiting_) {
    tools_.spare_heads.push_back(std::move(each.head));
    if (each.rows.bytes != 0) clearing_.push_back(each.rows);
  }
  waiting_.clear();
  asked_ = 0;
}

Result<void> Inbox::take_invitation(const LinkWord& word, Bytes bytes) {
  if (word.generation <= generation_) {
    refused_told_ = false;
    return {};
  }
  if (lost_) {
    held_.word = word;
    held_.invitation.assign(bytes.begin(), bytes.end());
    return {};
  }
  SY_ASSIGN(const Invitation invitation, read_invitation(bytes));
  if (!std::ranges::binary_search(invitation.members, self_) ||
      !std::ranges::binary_search(invitation.members, from_)) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "rank {} invited to a lane without us or itself", from_.value());
  }
  // One that cannot be made of what is here is joined by nobody: it is reported as broken.
  const bool rest =
      invitation.rest_of != 0 && invitation.rest_of == generation_ && !left_ && lane_.can_be_rest();
  plain_only_ = invitation.registered && tools_.staging.memory().why_plain().has_value();
  const bool joins = !plain_only_ && (rest || invitation.rest_of == 0);
  generation_ = word.generation;
  tools_.post.ack_of(from_).generation = generation_;
  drop_waiting();
  lane_.offer({tools_.staging.memory().span()});
  if (!joins) {
    lane_.stop();
  } else if (rest) {
    lane_.restart_with_rest(invitation, self_);
  } else {
    lane_.restart(invitation, self_);
  }
  joined_told_ = false;
  broken_told_ = false;
  refused_told_ = true;
  left_ = !joins;
  return {};
}

void Inbox::take_fence(const LinkWord& word) {
  fence_ = word.generation;
  fenced_told_ = false;
  say_fenced();
}

void Inbox::say_fenced() {
  LinkWord word;
  word.kind = WordKind::kFenced;
  word.generation = fence_;
  fenced_told_ = tools_.post.send(from_, word).has_value();
}

void Inbox::leave(Lane::Ending ending) {
  if (left_) return;
  left_ = true;
  joined_told_ = broken_told_ = true;
  drop_waiting();
  lane_.stop(ending);
}

void Inbox::lose() {
  lost_ = true;
  leave();
}

Result<void> Inbox::find() {
  if (!std::exchange(lost_, false)) return {};
  if (held_.word.generation != 0) {
    const LinkWord word = std::exchange(held_.word, LinkWord{});
    return take_invitation(word, held_.invitation);
  }
  if (generation_ != 0) broken_told_ = false;
  return {};
}

void Inbox::start_anew() {
  leave();
  held_.word = LinkWord{};
  refused_told_ = true;
  fenced_told_ = true;
  generation_ = fence_ = 0;
  whole_ = 0;
  tools_.post.ack_of(from_) = AckState{};
}

void Inbox::take_message(const LinkWord& word, Channel channel, HeadBuffer head) {
  const auto at = std::ranges::lower_bound(waiting_, word.sequence, {}, &Incoming::sequence);
  const bool known =
      word.sequence <= whole_ || (at != waiting_.end() && at->sequence == word.sequence);
  // Of a generation that is over: its sender sends it again.
  if (word.generation != generation_ || known || left_ || fenced()) {
    tools_.spare_heads.push_back(std::move(head));
    // A rank that was taken for lost does not know that we have left its lane.
    if (word.generation == generation_ && left_) broken_told_ = false;
    return;
  }
  Incoming incoming;
  incoming.sequence = word.sequence;
  incoming.arrival = {from_, channel, head.size() - sizeof(LinkWord),
                      static_cast<std::size_t>(word.row_bytes)};
  incoming.head = std::move(head);
  waiting_.insert(at, std::move(incoming));
}

// Joined is said only when the old communicator is gone: from then on nothing can become whole that
// the sender does not know of. What cannot be said now is said the next time.
void Inbox::answer_invitation() {
  LinkWord word;
  word.generation = generation_;
  if (!refused_told_) {
    word.kind = WordKind::kRefused;
    refused_told_ = tools_.post.send(from_, word).has_value();
  }
  const bool cleared = !lane_.clearing();
  if (!joined_told_ && cleared) {
    word.kind = WordKind::kJoined;
    word.sequence = whole_;
    joined_told_ = tools_.post.send(from_, word).has_value();
  }
  if (!broken_told_ && (lane_.state() == Lane::State::kBroken || (left_ && cleared))) {
    word.kind = plain_only_ || lane_.plain_only() ? WordKind::kPlainOnly : WordKind::kBroken;
    broken_told_ = tools_.post.send(from_, word).has_value();
  }
}

// In the order of the sender, which is that of its sends; a gap is a head still on its way.
Result<void> Inbox::ask_for_rows() {
  if (lane_.state() == Lane::State::kBroken) return {};
  for (; asked_ < waiting_.size(); ++asked_) {
    Incoming& next = waiting_[asked_];
    if (next.sequence != whole_ + 1 + asked_) break;
    if (next.arrival.row_bytes == 0) continue;
    const std::size_t bytes = next.arrival.row_bytes;
    const auto room = tools_.staging.take(bytes);
    if (!room && bytes > tools_.staging.bytes()) {
      return fail(ErrorCode::kLimit, "{} bytes of rows from rank {}; there is room for {}", bytes,
                  from_.value(), tools_.staging.bytes());
    }
    // What is whole has to be taken first; the sender has a deadline.
    if (!room) break;
    next.rows = *room;
    next.transfer = lane_.receive(next.rows.data, bytes, from_);
  }
  return {};
}

void Inbox::deliver_whole(std::span<std::vector<Delivery>> deliveries) {
  std::size_t count = 0;
  for (; count < asked_; ++count) {
    Incoming& first = waiting_[count];
    if (first.arrival.row_bytes != 0 && lane_.completed() < first.transfer) break;
    deliveries[static_cast<std::size_t>(first.arrival.channel)].push_back(
        {first.arrival, std::move(first.head), first.rows});
  }
  if (count == 0) return;
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  asked_ -= count;
  whole_ += count;
  AckState& ack = tools_.post.ack_of(from_);
  ack.whole = whole_;
  ack.owed = true;
}

Result<void> Inbox::progress(std::span<std::vector<Delivery>> deliveries) {
  if (lane_.busy()) SY_TRY(lane_.poll());
  if (!lane_.clearing()) {
    for (const Staging::Block& block : clearing_) tools_.staging.give_back(block);
    clearing_.clear();
  }
  if (!joined_told_ || !broken_told_ || !refused_told_) answer_invitation();
  if (!fenced_told_) say_fenced();
  if (waiting_.empty() || fenced()) return {};
  const std::size_t asked_before = asked_;
  SY_TRY(ask_for_rows());
  if (asked_ != asked_before) SY_TRY(lane_.poll());
  deliver_whole(deliveries);
  return {};
}

}  // namespace switchyard::comm::nccl

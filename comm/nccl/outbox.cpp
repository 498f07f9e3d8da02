#include "comm/nccl/outbox.h"

#include <algorithm>
#include <cstring>

#include "comm/nccl/shrink.h"
#include "comm/send_rules.h"

namespace switchyard::comm::nccl {

Outbox::Outbox(const OutboxOptions& options, HeadPost& post, std::function<bool(RankId)> is_lost)
    : options_(options),
      post_(post),
      is_lost_(is_lost),
      tickets_(options.sends_max),
      messages_(options.sends_max),
      written_(options.sends_max),
      peers_(options.ranks),
      fence_(post, std::move(is_lost)) {}

void Outbox::open(Reaper& reaper, LaneGpu gpu, const SendRows& rows) {
  rows_ = &rows;
  blocks_ = gpu.blocks;
  lane_.emplace(reaper, gpu.number);
  lane_->offer(rows.pieces());
  if (rows.pieces().empty()) {
    go_plain(rows.why_plain() ? rows.why_plain()->message : "no memory was asked for");
  }
}

Result<RowsWritten> Outbox::point_in(DeviceQueue queue, std::uint32_t slot) {
  Event& event = written_[slot];
  if (event.get() == nullptr) {
    SY_ASSIGN(event, make_event());
  }
  SY_TRY(check_cuda(cudaEventRecord(event.get(), static_cast<cudaStream_t>(queue.handle)),
                    "recording an event"));
  return RowsWritten{event.get(), ++points_};
}

Result<std::optional<SendTicket>> Outbox::add(const Message& message, DeviceQueue queue) {
  const auto ticket = tickets_.take();
  if (!ticket) return ticket;
  messages_[ticket->slot] = message;
  // Its receiver copies the rows in the order of the queue.
  if (message.to == options_.self) return ticket;
  if (queue && !message.rows.empty()) {
    SY_ASSIGN(messages_[ticket->slot].written, point_in(queue, ticket->slot));
  }
  wanted_ = true;
  Peer& peer = peers_[message.to.index()];
  if (is_lost_(message.to)) {
    messages_[ticket->slot].done = true;  // goes nowhere
    return ticket;
  }
  peer.unacked.push_back(ticket->slot);
  // The head at once; the rows with those of other sends, in one group.
  transmit(peer);
  return ticket;
}

bool Outbox::done(SendTicket ticket) {
  tickets_.check(ticket);
  if (!messages_[ticket.slot].done) return false;
  tickets_.give_back(ticket);
  return true;
}

bool Outbox::idle() const noexcept {
  return std::ranges::all_of(peers_, [](const Peer& peer) { return peer.unacked.empty(); });
}

void Outbox::stop(Lane::Ending ending) {
  wanted_ = false;
  if (lane_) lane_->stop(ending);
}

void Outbox::begin_halt() {
  if (!lane_) return;
  end_generation(After::kHalt, Next::kAnew);
  (void)pass_fence().has_value();
}

void Outbox::halt() {
  stop();
  after_ = After::kNothing;
  for (Peer& peer : peers_) {
    abandon(peer);
    peer.joined = false;
    peer.transmitted = 0;
  }
  invitation_.clear();
  complaint_.reset();
  given_up_.reset();
  attempts_ = 0;
  halted_ = true;
}

void Outbox::go_plain(const std::string& why) {
  if (plain_) return;
  plain_ = turns_plain_ = true;
  const bool wished = options_.nccl.registering == NcclRegister::kNever;
  log_event(options_.nccl.log, wished ? spdlog::level::info : spdlog::level::warn,
            "rows_not_registered", fmt::format("rows leave by NCCL's own buffers: {}", why));
}

bool Outbox::membership_changed() const {
  for (std::uint32_t r = 0; r < peers_.size(); ++r) {
    if (RankId(r) == options_.self) continue;
    if (peers_[r].replaced || peers_[r].member == is_lost_(RankId(r))) return true;
  }
  return false;
}

// Of the rest where ranks were lost and that is all: everybody who stays was there and is fine.
Outbox::Next Outbox::next_way() const {
  if (options_.nccl.shrink == NcclShrink::kNever || complaint_ || turns_plain_ || attempts_ != 0) {
    return Next::kAnew;
  }
  if (generation_ == 0 || !lane_->can_be_rest() || !can_shrink()) return Next::kAnew;
  for (std::uint32_t r = 0; r < peers_.size(); ++r) {
    const Peer& peer = peers_[r];
    if (RankId(r) == options_.self) continue;
    const bool stays = !is_lost_(RankId(r));
    if (peer.replaced || (stays && !(peer.member && peer.joined))) return Next::kAnew;
  }
  return Next::kOfTheRest;
}

// The kernels of the old communicator may still read the rows.
void Outbox::abandon(Peer& peer) {
  abandoned_.insert(abandoned_.end(), peer.unacked.begin(), peer.unacked.end());
  peer.unacked.clear();
}

void Outbox::replace(RankId rank) {
  Peer& peer = peers_[rank.index()];
  abandon(peer);
  peer.transmitted = 0;
  peer.joined = false;  // until the next generation
  peer.replaced = true;
  fence_.forget(rank);
}

// The first reason raises the fence; a weightier one may come while it is up.
void Outbox::end_generation(After after, Next way) {
  if (way == Next::kAnew) way_ = Next::kAnew;
  if (after_ == After::kNothing) {
    std::vector<RankId> receivers;
    for (std::uint32_t r = 0; r < peers_.size(); ++r) {
      if (peers_[r].joined && peers_[r].transmitted != 0) receivers.emplace_back(r);
    }
    fence_.raise(generation_, std::move(receivers), clock_.now() + options_.nccl.rows_deadline);
  }
  after_ = std::max(after_, after);
}

Result<void> Outbox::pass_fence() {
  if (!fence_.passed(clock_.now())) return {};
  const After after = std::exchange(after_, After::kNothing);
  const Next way = std::exchange(way_, Next::kOfTheRest);
  if (after == After::kHalt) halt();
  if (after == After::kGivingUp) {
    // Or what is under way would go on for ever, and whoever frees memory would wait for it.
    lane_->stop();
    for (Peer& peer : peers_) peer.joined = false;
    return Unexpected(*given_up_);
  }
  if (after == After::kNextGeneration) {
    begin_generation(way == Next::kAnew ? way : next_way());
    invite();
  }
  return {};
}

void Outbox::begin_generation(Next way) {
  Invitation invitation;
  if (way == Next::kOfTheRest) invitation.rest_of = generation_;
  generation_ = std::max(generation_, known_) + 1;
  begun_ = clock_.now();
  for (std::uint32_t r = 0; r < peers_.size(); ++r) {
    Peer& peer = peers_[r];
    const bool member = RankId(r) == options_.self || !is_lost_(RankId(r));
    if (member) invitation.members.emplace_back(r);
    if (!member) abandon(peer);
    peer = {std::move(peer.unacked), 0, peer.sequence, member, false, false, false};
  }
  complaint_.reset();
  halted_ = turns_plain_ = false;
  invitation.registered = !plain_;
  invitation.blocks = blocks_;
  invitation_.clear();
  if (invitation.members.size() == 1) {
    lane_->stop();
    return;
  }
  ncclUniqueId id;
  if (const auto made = check_nccl(ncclGetUniqueId(&id), "making an id"); !made) {
    complaint_ = made.error();
    lane_->stop();  // rows of those that left are in use until it has gone
    return;
  }
  std::memcpy(invitation.id.data(), &id, sizeof id);
  invitation_ = write_invitation(invitation);
  if (way == Next::kOfTheRest) {
    lane_->restart_with_rest(invitation, options_.self);
  } else {
    lane_->restart(invitation, options_.self);
  }
}

void Outbox::invite() {
  if (invitation_.empty()) return;
  LinkWord word;
  word.kind = WordKind::kInvitation;
  word.generation = generation_;
  for (std::uint32_t r = 0; r < peers_.size(); ++r) {
    Peer& peer = peers_[r];
    if (RankId(r) == options_.self || !peer.member || peer.invited) continue;
    peer.invited = post_.send(RankId(r), Channel::kDispatch, invitation_, word).has_value();
  }
}

void Outbox::finish_up_to(Peer& peer, std::uint64_t sequence) {
  std::size_t count = 0;
  for (; count < peer.unacked.size(); ++count) {
    Message& message = messages_[peer.unacked[count]];
    if (message.sequence == 0 || message.sequence > sequence) break;
    message.done = true;
  }
  if (count == 0) return;
  peer.unacked.erase(peer.unacked.begin(),
                     peer.unacked.begin() + static_cast<std::ptrdiff_t>(count));
  peer.transmitted -= std::min(peer.transmitted, count);
  attempts_ = 0;
}

// The member says how far it has come; all behind that is numbered and sent anew.
void Outbox::take_joined(RankId from, const LinkWord& word) {
  Peer& peer = peers_[from.index()];
  if (word.generation != generation_ || !peer.member || peer.joined) return;
  finish_up_to(peer, word.sequence);
  peer.joined = true;
  peer.transmitted = 0;
  peer.sequence = word.sequence;
  for (const std::uint32_t slot : peer.unacked) messages_[slot].sequence = 0;
}

void Outbox::take_broken(RankId from, const LinkWord& word) {
  if (word.generation != generation_) return;
  complaint_ = Error{
      ErrorCode::kPeer, ErrorScope::kCommunicator,
      fmt::format("the lane of rank {} failed at rank {}", options_.self.value(), from.value())};
}

void Outbox::take_plain_only(RankId from, const LinkWord& word) {
  if (word.generation == generation_) {
    go_plain(fmt::format("rank {} cannot register its memory", from.value()));
  }
}

void Outbox::take_refused(const LinkWord& word) {
  if (word.generation < generation_) return;
  known_ = word.generation;
  end_generation(After::kNextGeneration, Next::kAnew);
}

void Outbox::take_ack(RankId from, const LinkWord& word) {
  Peer& peer = peers_[from.index()];
  if (peer.joined && word.acked_generation == generation_) finish_up_to(peer, word.acked);
}

void Outbox::transmit(Peer& peer) {
  if (!peer.joined || complaint_ || turns_plain_ || given_up_) return;
  if (after_ != After::kNothing) return;
  if (lane_->state() == Lane::State::kBroken) return;
  for (; peer.transmitted < peer.unacked.size(); ++peer.transmitted) {
    Message& message = messages_[peer.unacked[peer.transmitted]];
    if (!plain_ && !message.rows.empty() && !rows_->holds(message.rows)) {
      return go_plain("rows of the sender lie in other memory");
    }
    LinkWord word;
    word.kind = WordKind::kMessage;
    word.generation = generation_;
    word.sequence = peer.sequence + 1;
    word.row_bytes = message.rows.size();
    // Too many sends in flight, or a peer that has gone: again later, until somebody says so.
    if (!post_.send(message.to, message.channel, message.head, word)) return;
    message.sequence = ++peer.sequence;
    message.sent = clock_.now();
    if (!message.rows.empty()) {
      lane_->send(message.rows.data(), message.rows.size(), message.to, message.written);
    }
  }
}

std::optional<Error> Outbox::overdue() const {
  const TimePoint now = clock_.now();
  std::vector<RankId> silent;
  if (now - begun_ > options_.nccl.join_deadline) {
    for (std::uint32_t r = 0; r < peers_.size(); ++r) {
      const Peer& peer = peers_[r];
      if (peer.member && !peer.joined && RankId(r) != options_.self) silent.emplace_back(r);
    }
    if (!silent.empty() || lane_->state() != Lane::State::kReady) {
      return Error{
          ErrorCode::kDeadline, ErrorScope::kCommunicator,
          fmt::format("the lane of rank {} is not there after {:.1f} s; {}", options_.self.value(),
                      to_seconds(options_.nccl.join_deadline),
                      silent.empty() ? "all have joined" : name_ranks(silent) + " did not join")};
    }
  }
  for (std::uint32_t r = 0; r < peers_.size(); ++r) {
    const Peer& peer = peers_[r];
    if (peer.transmitted == 0) continue;
    if (now - messages_[peer.unacked.front()].sent > options_.nccl.rows_deadline) {
      silent.emplace_back(r);
    }
  }
  if (silent.empty()) return std::nullopt;
  return Error{
      ErrorCode::kDeadline, ErrorScope::kCommunicator,
      fmt::format("rows of rank {} were not taken within {:.1f} s by {}", options_.self.value(),
                  to_seconds(options_.nccl.rows_deadline), name_ranks(silent))};
}

Result<void> Outbox::try_again(Error why) {
  if (attempts_ >= options_.nccl.attempts) {
    why.message += fmt::format("; given up after {} more attempts", attempts_);
    given_up_ = std::move(why);
    end_generation(After::kGivingUp, Next::kAnew);
    return pass_fence();
  }
  ++attempts_;
  end_generation(After::kNextGeneration, Next::kAnew);
  return pass_fence();
}

// What an old communicator may have read is free when that is gone.
Result<void> Outbox::clear_old() {
  if (lane_->busy()) SY_TRY(lane_->poll());
  if (lane_->clearing()) return {};
  for (const std::uint32_t slot : abandoned_) messages_[slot].done = true;
  abandoned_.clear();
  return {};
}

Result<void> Outbox::progress() {
  if (!lane_) return {};
  if (after_ != After::kNothing) return pass_fence();
  if (!wanted_ || given_up_) {
    SY_TRY(clear_old());
    return given_up_ ? Unexpected(*given_up_) : Result<void>{};
  }
  if (generation_ == 0 || halted_ || membership_changed()) {
    end_generation(After::kNextGeneration, next_way());
    SY_TRY(pass_fence());
    if (after_ != After::kNothing) return {};
  }
  invite();
  SY_TRY(clear_old());
  if (complaint_) return try_again(*complaint_);
  if (lane_->plain_only()) go_plain(lane_->why().message);
  for (Peer& peer : peers_) transmit(peer);
  if (turns_plain_) {
    end_generation(After::kNextGeneration, Next::kAnew);
    return pass_fence();
  }
  if (lane_->state() == Lane::State::kBroken) return try_again(lane_->why());
  if (lane_->busy()) SY_TRY(lane_->poll());
  if (invitation_.empty()) return {};
  if (auto late = overdue()) return try_again(*std::move(late));
  return {};
}

}  // namespace switchyard::comm::nccl

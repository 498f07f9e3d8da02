#include "comm/nccl/nccl_transport.h"

#include <algorithm>
#include <cstring>

#include "comm/nccl/lane_blocks.h"
#include "comm/send_rules.h"
#include "runtime/base/check.h"

namespace switchyard::comm::nccl {
namespace {

// Tickets of this transport, of the base and of what may be below it side by side.
constexpr std::uint32_t kOwnTicket = 1U << 30U;
// An ack rides in the next head to its rank; where none leaves in so many looks, it goes alone.
constexpr std::uint32_t kPumpsPerAck = 16;
// For a transport that ends with rows under way: its receivers may not be looking any more.
constexpr std::chrono::seconds kLetGoDeadline{5};
// Where nobody has said what will be in flight.
constexpr std::size_t kStagingBytesMin = std::size_t{16} << 20;

std::size_t index_of(Channel channel) { return static_cast<std::size_t>(channel); }

}  // namespace

NcclTransport::NcclTransport(std::unique_ptr<Transport> base, const TransportLimits& limits,
                             const NcclOptions& options)
    : base_(std::move(base)),
      name_(fmt::format("nccl over {}", base_->name())),
      limits_(limits),
      log_(options.log),
      plain_wished_(options.registering == NcclRegister::kNever),
      lost_(base_->size()),
      addresses_(base_->size()),
      left_(base_->size()),
      post_(*base_, base_->size()),
      staging_(options.registering),
      send_rows_(options.registering),
      outbox_({base_->rank(), base_->size(), limits.sends_in_flight_max, options}, post_,
              [this](RankId rank) { return lost(rank); }) {}

// Communicators end before the memory that they use; the base transport before the buffers of its
// unfinished sends.
NcclTransport::~NcclTransport() {
  const SteadyClock clock;
  let_go(Deadline::after(clock, kLetGoDeadline));
  const auto deadline = Deadline::after(clock, std::chrono::seconds(5));
  const bool moved = arrivals_.settle(staging_, deadline);
  if (!reaper_.wait(deadline) || !moved) {
    staging_.leave_behind();
    send_rows_.leave_behind();
  }
  base_.reset();
}

// The rank's device is made between the world and the first exchange.
Result<void> NcclTransport::open() {
  int gpu = 0;
  SY_TRY(check_cuda(cudaGetDevice(&gpu), "asking for the GPU"));
  SY_ASSIGN(const int blocks, lane_blocks_of(gpu, size()));
  SY_TRY(staging_.reserve(kStagingBytesMin));
  SY_TRY(arrivals_.open());
  if (const auto& why = staging_.memory().why_plain(); why && !plain_wished_) {
    log_event(log_, spdlog::level::warn, "rows_not_registered",
              fmt::format("rows arrive by NCCL's own buffers: {}", why->message));
  }
  send_rows_.close();
  outbox_.open(reaper_, {gpu, static_cast<std::uint8_t>(blocks)}, send_rows_);
  inboxes_.reserve(size());
  for (std::uint32_t r = 0; r < size(); ++r) {
    inboxes_.emplace_back(RankId(r), rank(),
                          InboxTools{reaper_, gpu, post_, staging_, spare_heads_});
  }
  return {};
}

Result<void> NcclTransport::reserve_rows(std::size_t bytes) {
  const bool joined =
      std::ranges::any_of(inboxes_, [](const Inbox& inbox) { return inbox.generation() != 0; });
  if (joined && bytes > staging_.bytes()) {
    return fail(ErrorCode::kLimit, "{} bytes of staging memory while rows move; there are {}",
                bytes, staging_.bytes());
  }
  SY_TRY(staging_.reserve(bytes));
  return inboxes_.empty() ? open() : Result<void>{};
}

Result<SendTicket> NcclTransport::send(RankId to, Channel channel, Bytes bytes) {
  if (channel == Channel::kControl) return base_->send(to, channel, bytes);
  return send_rows(to, channel, bytes, {});
}

Result<SendTicket> NcclTransport::send_rows(RankId to, Channel channel, Bytes head, Bytes rows) {
  SY_CHECK(channel != Channel::kControl, "rows on the control channel");
  SY_TRY(check_send({.to = to, .bytes = head.size() + rows.size(), .world_size = size()}, limits_));
  if (inboxes_.empty()) SY_TRY(open());
  SY_ASSIGN(const auto ticket, outbox_.add({to, channel, head, rows, 0, {}, false, {}}, queue_));
  if (!ticket) return too_many_sends(to, limits_);
  if (to == rank()) own_[index_of(channel)].push_back(ticket->slot);
  return SendTicket{ticket->slot | kOwnTicket, ticket->generation};
}

Result<bool> NcclTransport::send_done(SendTicket ticket) {
  if ((ticket.slot & kOwnTicket) == 0) return base_->send_done(ticket);
  ticket.slot &= ~kOwnTicket;
  return outbox_.done(ticket);
}

Result<void> NcclTransport::take_end_word(RankId from, const LinkWord& word, Bytes front) {
  switch (word.kind) {
    case WordKind::kInvitation:
      return inboxes_.empty() ? Result<void>{}
                              : inboxes_[from.index()].take_invitation(word, front);
    case WordKind::kJoined: outbox_.take_joined(from, word); break;
    case WordKind::kBroken: outbox_.take_broken(from, word); break;
    case WordKind::kPlainOnly: outbox_.take_plain_only(from, word); break;
    case WordKind::kRefused: outbox_.take_refused(word); break;
    case WordKind::kFence:
      if (!inboxes_.empty()) inboxes_[from.index()].take_fence(word);
      break;
    case WordKind::kFenced: outbox_.take_fenced(from, word); break;
    case WordKind::kGoodbye: left_[from.index()] = true; break;
    case WordKind::kMessage:
    case WordKind::kAck: break;
  }
  return {};
}

Result<void> NcclTransport::take_word(RankId from, Channel channel, HeadBuffer message) {
  SY_ASSIGN(const auto both, split_word(message));
  const LinkWord word = both.word;
  outbox_.take_ack(from, word);
  if (word.kind == WordKind::kMessage && !inboxes_.empty()) {
    inboxes_[from.index()].take_message(word, channel, std::move(message));
    return {};
  }
  auto taken = take_end_word(from, word, both.front);
  spare_heads_.push_back(std::move(message));
  return taken;
}

// One that a receive failed into and that nothing writes to any more, else a new one.
void NcclTransport::find_spare_head() {
  for (auto head = lost_heads_.begin(); head != lost_heads_.end(); ++head) {
    if (!base_->receive_over(head->data())) continue;
    spare_heads_.push_back(std::move(*head));
    lost_heads_.erase(head);
    return;
  }
  spare_heads_.emplace_back();
}

Result<void> NcclTransport::take_words(Channel channel) {
  while (true) {
    SY_ASSIGN(const auto arrival, base_->probe(channel));
    if (!arrival) return {};
    if (spare_heads_.empty()) find_spare_head();
    HeadBuffer message = std::move(spare_heads_.back());
    spare_heads_.pop_back();
    message.resize(arrival->bytes);
    if (auto received = base_->receive(*arrival, message); !received) {
      lost_heads_.push_back(std::move(message));  // may still be written to
      if (received.error().code != ErrorCode::kPeer) return received;
      continue;
    }
    if (auto taken = take_word(arrival->from, channel, std::move(message)); !taken) {
      return with_place(std::move(taken).error(),
                        fmt::format("from rank {}", arrival->from.value()));
    }
  }
}

// Before the words of a look: an invitation of a rank that is taken for lost is kept, not joined
// and left at once.
Result<void> NcclTransport::follow_losses() {
  if (leaving_) return {};
  for (std::uint32_t r = 0; r < inboxes_.size(); ++r) {
    if (lost(RankId(r))) {
      inboxes_[r].lose();
    } else {
      SY_TRY(inboxes_[r].find());
    }
  }
  return {};
}

Result<void> NcclTransport::pump() {
  // Words wait until there is somebody to take them.
  if (inboxes_.empty() && !settling_) return {};
  SY_TRY(follow_losses());
  SY_TRY(take_words(Channel::kDispatch));
  SY_TRY(take_words(Channel::kCombine));
  post_.collect();
  // After the goodbye nothing may be said: those who have heard it from all look no more.
  SY_TRY(arrivals_.collect(staging_));
  if (inboxes_.empty() || leaving_) return {};
  for (Inbox& inbox : inboxes_) SY_TRY(inbox.progress(deliveries_));
  SY_TRY(outbox_.progress());
  if (++pumps_ % kPumpsPerAck == 0) post_.send_owed_acks();
  return {};
}

Result<std::optional<Arrival>> NcclTransport::probe(Channel channel) {
  if (channel != Channel::kControl && inboxes_.empty()) SY_TRY(open());
  SY_TRY(pump());
  if (channel == Channel::kControl) return base_->probe(channel);
  const auto& own = own_[index_of(channel)];
  const auto& whole = deliveries_[index_of(channel)];
  bool& own_next = own_next_[index_of(channel)];
  own_next = !own.empty() && (own_next || whole.empty());
  if (own_next) {
    const auto& message = outbox_.message(own.front());
    return Arrival{rank(), channel, message.head.size(), message.rows.size()};
  }
  if (whole.empty()) return std::nullopt;
  return whole.front().arrival;
}

Result<void> NcclTransport::receive(const Arrival& arrival, MutableBytes into) {
  if (arrival.channel == Channel::kControl) return base_->receive(arrival, into);
  return receive_rows(arrival, into, {});
}

Result<void> NcclTransport::receive_rows(const Arrival& arrival, MutableBytes head,
                                         MutableBytes rows) {
  SY_CHECK(head.size() == arrival.bytes && rows.size() == arrival.row_bytes,
           "room for {} + {} of {} + {} bytes", head.size(), rows.size(), arrival.bytes,
           arrival.row_bytes);
  auto& own = own_[index_of(arrival.channel)];
  if (own_next_[index_of(arrival.channel)]) {
    SY_CHECK(!own.empty() && arrival.from == rank(), "receive without its probe");
    auto& message = outbox_.message(own.front());
    if (!head.empty()) std::memcpy(head.data(), message.head.data(), head.size());
    SY_TRY(arrivals_.copy(message.rows, rows));
    message.done = true;
    own.erase(own.begin());
    own_next_[index_of(arrival.channel)] = false;
    return {};
  }
  auto& whole = deliveries_[index_of(arrival.channel)];
  SY_CHECK(!whole.empty() && whole.front().arrival.from == arrival.from,
           "receive from rank {} on {} without its probe", arrival.from.value(),
           to_string(arrival.channel));
  Delivery& first = whole.front();
  if (!head.empty()) std::memcpy(head.data(), first.head.data(), head.size());
  SY_TRY(arrivals_.move(first.rows, rows, staging_));
  spare_heads_.push_back(std::move(first.head));
  whole.erase(whole.begin());
  return {};
}

void NcclTransport::wait_a_moment(std::uint32_t idle_rounds) {
  if (!leaving_) post_.send_owed_acks();
  const bool busy =
      outbox_.busy() || arrivals_.busy() || std::ranges::any_of(inboxes_, &Inbox::busy);
  // The GPU rings nobody.
  base_->wait_a_moment(busy ? 0 : idle_rounds);
}

void NcclTransport::set_lost(RankId rank, Lost lost) noexcept {
  lost_[rank.index()].store(lost != Lost::kNo, std::memory_order_relaxed);
  base_->set_lost(rank, lost);
}

void NcclTransport::attach(RankId rank, std::string_view address) {
  base_->attach(rank, address);
  if (rank == base_->rank() || rank.index() >= size() || address.empty()) return;
  if (addresses_[rank.index()] == address) return;
  addresses_[rank.index()] = address;
  outbox_.replace(rank);
  if (!inboxes_.empty()) inboxes_[rank.index()].start_anew();
}

// What is under way is given up. The receivers hear of it first, if they look in time; until then
// only words are taken, and nothing that would begin anything.
void NcclTransport::let_go(Deadline deadline) noexcept {
  const SteadyClock clock;
  for (Inbox& inbox : inboxes_) inbox.leave();
  outbox_.begin_halt();
  while (outbox_.halting() && !deadline.passed(clock)) {
    if (!take_words(Channel::kDispatch) || !take_words(Channel::kCombine)) break;
    post_.collect();
    if (!outbox_.pass_fence()) break;
    if (outbox_.halting()) base_->wait_a_moment(0);
  }
  outbox_.halt();
  for (Inbox& inbox : inboxes_) inbox.leave();  // one that has been invited meanwhile
}

bool NcclTransport::halt_rows(Deadline deadline) noexcept {
  let_go(deadline);
  const bool moved = arrivals_.settle(staging_, deadline);
  return reaper_.wait(deadline) && moved;
}

bool NcclTransport::leave_at_once(Deadline deadline) noexcept {
  const bool halted = halt_rows(deadline);
  return base_->leave_at_once(deadline) && halted;
}

// Until all that was sent is acknowledged and nobody sends any more.
Result<void> NcclTransport::settle(Deadline deadline) {
  const SteadyClock clock;
  settling_ = true;
  std::vector<RankId> silent;
  for (std::uint32_t round = 0;; ++round) {
    SY_TRY(pump());
    if (!leaving_) post_.send_owed_acks();
    if (!leaving_ && outbox_.idle()) {
      LinkWord goodbye;
      goodbye.kind = WordKind::kGoodbye;
      for (std::uint32_t r = 0; r < size(); ++r) {
        if (RankId(r) != rank() && !lost(RankId(r))) SY_TRY(post_.send(RankId(r), goodbye));
      }
      leaving_ = true;
    }
    silent.clear();
    for (std::uint32_t r = 0; r < size(); ++r) {
      if (RankId(r) != rank() && !lost(RankId(r)) && !left_[r]) silent.emplace_back(r);
    }
    if (leaving_ && silent.empty() && post_.idle()) return {};
    if (deadline.passed(clock)) {
      return fail(ErrorCode::kDeadline, ErrorScope::kCommunicator, "leaving the world: {}",
                  silent.empty() ? "sends do not end" : "no goodbye from " + name_ranks(silent));
    }
    wait_a_moment(round);
  }
}

Result<void> NcclTransport::finalize(Deadline deadline) {
  SY_TRY(settle(deadline));
  outbox_.stop(Lane::Ending::kInOrder);
  for (Inbox& inbox : inboxes_) inbox.leave(Lane::Ending::kInOrder);
  (void)reaper_.wait(deadline);
  return base_->finalize(deadline);
}

}  // namespace switchyard::comm::nccl

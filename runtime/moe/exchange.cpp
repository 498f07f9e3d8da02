#include "runtime/moe/exchange.h"

#include <algorithm>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/moe/exchange_spans.h"

namespace switchyard::moe {
namespace {

Result<MessageMemory> make_message_memory(const ExchangeShape& shape, kernels::Device& device,
                                          comm::Transport& transport) {
  MessageBytes room = shape.wire.dispatch_bytes(shape.rows_max, shape.slots_max);
  // Cut into several, the heads are padded more often: the pairs of each begin a header and end in
  // less than a unit of padding, which is what the head of no pairs takes.
  room.head += 2 * shape.expert_ranks * shape.wire.dispatch_bytes(0, 0).head;
  return MessageMemory::create_to_send(device, transport, room, shape.wire.operand_stride_bytes());
}

}  // namespace

Exchange::Exchange(const ExchangeShape& shape, kernels::Device& device, comm::Transport& transport,
                   ExpertServer* server, Counters& counters)
    : shape_(shape), device_(device), transport_(transport), server_(server), counters_(counters) {
  parts_.reserve(shape.expert_ranks);
  slots_.resize(shape.slots_max);
}

Result<Exchange> Exchange::create(const ExchangeShape& shape, kernels::Device& device,
                                  comm::Transport& transport, ExpertServer* server,
                                  Counters& counters) {
  Exchange exchange(shape, device, transport, server, counters);
  SY_ASSIGN(exchange.messages_, make_message_memory(shape, device, transport));
  if (exchange.wants_spare()) {
    SY_ASSIGN(exchange.spare_, make_message_memory(shape, device, transport));
  }
  SY_ASSIGN(exchange.zero_row_, device.allocate_wire(shape.wire.answer_stride_bytes()));
  return exchange;
}

void Exchange::encode(Rows x, const DispatchPlan& plan, Part& part, MessageBytes before) {
  const auto& wire = shape_.wire;
  const RankPlan& share = part.plan;
  const auto pairs = std::span(plan.pairs).subspan(share.pair_begin, share.pair_count);
  part.message = messages_.message(before, wire.dispatch_bytes(share.row_count, share.pair_count));
  write_dispatch_head(wire, key_, pairs, share.row_count, part.message.head);
  const MutableRows to{part.message.rows.data(), x.dtype, share.row_count, x.cols,
                       wire.operand_stride_bytes() / size_bytes(x.dtype)};
  device_.gather_rows(x, std::span(plan.row_token).subspan(share.row_begin, share.row_count), to);
}

Result<void> Exchange::serve_own(Rows x, const DispatchPlan& plan, const RankPlan& part) {
  SY_CHECK(server_ != nullptr, "rank {} holds no experts", part.rank.value());
  const auto pairs = std::span(plan.pairs).subspan(part.pair_begin, part.pair_count);
  const auto rows = std::span(plan.row_token).subspan(part.row_begin, part.row_count);
  return server_->accept_own({key_, pairs, part.row_count}, {x, rows});
}

Result<void> Exchange::begin(const ExchangeKey& key, Rows x, const DispatchPlan& plan,
                             const routing::Selections& selections) {
  SY_CHECK(!open_, "micro-batch {} is still open", key.micro_batch);
  SY_CHECK(x.cols == shape_.wire.hidden && x.dtype == shape_.wire.operand);
  key_ = key;
  plan_ = &plan;
  selections_ = &selections;
  parts_.clear();
  open_ = true;
  const bool apart = shape_.wire.row_place == comm::RowPlace::kApart;
  MessageBytes before;
  for (const auto& part : plan.ranks) {
    Part& to = parts_.emplace_back();
    to.plan = part;
    to.begun = span_start(shape_.timeline);
    if (part.rank == transport_.rank()) {
      SY_TRY(serve_own(x, plan, part));
    } else {
      encode(x, plan, to, before);
      before.head += to.message.head.size();
      before.rows += to.message.rows.size();
      if (!apart) {
        SY_TRY(device_.synchronize());
        SY_TRY(post(to));
      }
    }
    counters_.rows_dispatched += part.row_count;
    counters_.pairs_dispatched += part.pair_count;
    if (part.rank != transport_.rank()) {
      counters_.pairs_sent_away += part.pair_count;
      counters_.pairs_sent[part.rank.index()] += part.pair_count;
    }
  }
  if (apart) SY_TRY(send_encoded());
  counters_.pairs_masked += plan.masked.size();
  ++counters_.exchanges;
  return {};
}

// All rows at once, and the transport moves them in one go: behind their ops where it follows the
// device's queue, else after one wait for the device. Now, since the host plans and waits for the
// device before it looks again.
Result<void> Exchange::send_encoded() {
  SY_TRY(transport_.follows_queue() ? device_.health() : device_.synchronize());
  for (auto& part : parts_) {
    if (part.plan.rank != transport_.rank()) SY_TRY(post(part));
  }
  return transport_.progress();
}

// A send that a dead peer's transport refuses is as good as unanswered.
Result<void> Exchange::post(Part& part) {
  const MessageParts& message = part.message;
  auto ticket =
      transport_.send_rows(part.plan.rank, comm::Channel::kDispatch, message.head, message.rows);
  if (!ticket) {
    const bool keep =
        shape_.peer_loss == PeerLoss::kReplay && ticket.error().code == ErrorCode::kPeer;
    if (!keep) return Unexpected(std::move(ticket).error());
    return {};
  }
  part.ticket = *ticket;
  part.sent = true;
  counters_.bytes_sent[part.plan.rank.index()] += message.head.size() + message.rows.size();
  ++counters_.messages_sent[part.plan.rank.index()];
  return {};
}

Result<bool> Exchange::complete() {
  bool all = true;
  for (auto& part : parts_) {
    if (part.plan.rank == transport_.rank()) {
      if (!part.answered && server_->own_answer(key_.micro_batch)) {
        part.answered = true;
        counters_.pairs_answered += part.plan.pair_count;
        note_leg(part, ExchangeEnd::kAnswered);
      }
    } else if (part.sent) {
      SY_ASSIGN(const bool done, transport_.send_done(part.ticket));
      if (done) part.sent = false;
    }
    all &= part.answered && !part.sent;
  }
  return all;
}

Result<void> Exchange::accept(RankId from, const Answer& answer, MessageMemory& message) {
  const auto part = std::find_if(parts_.begin(), parts_.end(), [&](const Part& candidate) {
    return candidate.plan.rank == from && !candidate.answered;
  });
  if (part == parts_.end()) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "rank {} answered step {} layer {} a second time or unasked", from.value(),
                answer.key.step, answer.key.layer);
  }
  if (answer.status != AnswerStatus::kServed && shape_.peer_loss == PeerLoss::kReplay) {
    part->refused = true;
    note_leg(*part, ExchangeEnd::kRefused);
    return {};
  }
  if (answer.status != AnswerStatus::kServed) {
    return fail(ErrorCode::kStaleEpoch, ErrorScope::kPeer,
                "rank {} refused layer {} under epoch {}: {}", from.value(), answer.key.layer,
                answer.key.epoch.value(),
                answer.status == AnswerStatus::kStaleEpoch
                    ? std::string("it follows another view")
                    : fmt::format("it does not hold expert {}", answer.refused_expert));
  }
  if (answer.pair_count != part->plan.pair_count) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "rank {} answered {} of {} pairs",
                from.value(), answer.pair_count, part->plan.pair_count);
  }
  part->answer = std::move(message);
  part->answered = true;
  counters_.pairs_answered += answer.pair_count;
  note_leg(*part, ExchangeEnd::kAnswered);
  return {};
}

void Exchange::note_leg(const Part& part, ExchangeEnd end) {
  if (shape_.timeline == nullptr) return;
  shape_.timeline->add(leg_of(key_, part.plan, end), part.begun, shape_.timeline->now());
}

Rows Exchange::answer_rows(const Part& part) const {
  if (part.plan.rank == transport_.rank()) return *server_->own_answer(key_.micro_batch);
  const std::size_t stride = shape_.wire.answer_stride_bytes();
  const std::size_t first =
      part.answer.first_row({}, shape_.wire.answer_bytes(part.plan.pair_count).head);
  return {part.answer.matrix() + first * stride, shape_.wire.answer, part.plan.pair_count,
          shape_.wire.hidden, stride / size_bytes(shape_.wire.answer)};
}

Result<void> Exchange::finish(MatrixView<float> residual, std::vector<MessageMemory>& free) {
  SY_CHECK(open_ && residual.rows() == selections_->token_count());
  for (const auto& part : parts_) {
    SY_CHECK(part.answered && !part.sent, "rank {}", part.plan.rank.value());
    const Rows answer = answer_rows(part);
    const auto slots = std::span(plan_->pair_slot).subspan(part.plan.pair_begin, answer.rows);
    for (std::size_t p = 0; p < slots.size(); ++p) {
      slots_[slots[p]] = {answer.row(p), selections_->weights[slots[p]]};
    }
  }
  for (const std::uint32_t slot : plan_->masked) slots_[slot] = {zero_row_.data(), 0.0F};
  device_.combine(selections_->slot_begin, std::span(slots_).first(selections_->slot_count()),
                  shape_.wire.answer, residual);
  open_ = false;
  const bool received =
      std::ranges::any_of(parts_, [](const Part& part) { return !part.answer.empty(); });
  // A freed buffer may be received into at once, so nothing may read it any more; in the order of
  // the device's queue nothing does.
  if (received && !transport_.follows_queue()) SY_TRY(device_.synchronize());
  for (auto& part : parts_) {
    if (!part.answer.empty()) free.push_back(std::move(part.answer));
  }
  return {};
}

bool Exchange::needs_replay(const placement::View& last, const placement::View& view) const {
  return std::ranges::any_of(parts_, [&](const Part& part) {
    // An answered part whose send never ends would hold the exchange open as well.
    if (part.answered && !part.sent) return false;
    if (part.refused) return view.epoch > key_.epoch;
    const auto* member = view.find(part.plan.rank);
    if (member == nullptr || !member->expert) return true;
    // Another process has the slot: what went to the one before is gone.
    const auto* before = last.find(part.plan.rank);
    return before != nullptr && before->address != member->address;
  });
}

Result<void> Exchange::withdraw(std::vector<InFlight>& in_flight,
                                std::vector<MessageMemory>& free) {
  SY_CHECK(open_, "nothing to withdraw");
  InFlight kept;
  for (auto& part : parts_) {
    if (!part.answered) counters_.pairs_withdrawn += part.plan.pair_count;
    if (!part.answered && !part.refused) note_leg(part, ExchangeEnd::kWithdrawn);
    if (part.sent) kept.sends.push_back(part.ticket);
    if (!part.answer.empty()) free.push_back(std::move(part.answer));
  }
  if (!kept.sends.empty()) {
    MessageMemory fresh = std::move(spare_);
    if (fresh.empty()) {
      SY_ASSIGN(fresh, make_message_memory(shape_, device_, transport_));
    }
    kept.memory = std::exchange(messages_, std::move(fresh));
    in_flight.push_back(std::move(kept));
  }
  if (server_ != nullptr) server_->withdraw_own(key_.micro_batch);
  parts_.clear();
  open_ = false;
  ++counters_.exchanges_replayed;
  return {};
}

void Exchange::note_wait(std::uint64_t wait_us) {
  for (const auto& part : parts_) {
    if (!part.answered) counters_.wait_us[part.plan.rank.index()] += wait_us;
  }
}

std::vector<RankId> Exchange::silent() const {
  std::vector<RankId> ranks;
  for (const auto& part : parts_) {
    if (!part.answered) ranks.push_back(part.plan.rank);
  }
  return ranks;
}

std::string Exchange::silent_ranks() const {
  std::string names;
  for (const RankId rank : silent()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", rank.value());
  }
  return names;
}

}  // namespace switchyard::moe

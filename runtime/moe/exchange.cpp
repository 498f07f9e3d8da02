#include "runtime/moe/exchange.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/check.h"

namespace switchyard::moe {
namespace {

std::size_t message_arena_bytes(const ExchangeShape& shape) {
  // Prefixes of all messages together take at most one extra row per message.
  const std::size_t prefix_rows = shape.wire.prefix_rows(shape.slots_max) + 2 * shape.expert_ranks;
  return (prefix_rows + shape.rows_max) * shape.wire.operand_stride_bytes();
}

}  // namespace

Exchange::Exchange(const ExchangeShape& shape, comm::Transport& transport, ExpertServer* server,
                   Counters& counters)
    : shape_(shape),
      transport_(transport),
      server_(server),
      counters_(counters),
      messages_(message_arena_bytes(shape)),
      zero_row_(shape.wire.answer_stride_bytes()) {
  parts_.reserve(shape.expert_ranks);
  slots_.resize(shape.slots_max);
}

void Exchange::encode(Rows x, const DispatchPlan& plan, const RankPlan& part,
                      MutableBytes message) {
  const auto pairs = std::span(plan.pairs).subspan(part.pair_begin, part.pair_count);
  write_dispatch_prefix(shape_.wire, key_, pairs, part.row_count, message);
  const std::size_t stride = shape_.wire.operand_stride_bytes();
  std::byte* to = message.data() + shape_.wire.prefix_rows(part.pair_count) * stride;
  for (std::size_t r = 0; r < part.row_count; ++r, to += stride) {
    std::memcpy(to, x.row(plan.row_token[part.row_begin + r]), x.row_bytes());
  }
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
  std::size_t offset = 0;
  for (const auto& part : plan.ranks) {
    const bool own = part.rank == transport_.rank();
    Part& to = parts_.emplace_back();
    to.plan = part;
    if (own) {
      SY_CHECK(server_ != nullptr, "rank {} holds no experts", part.rank.value());
      const auto pairs = std::span(plan.pairs).subspan(part.pair_begin, part.pair_count);
      const auto rows = std::span(plan.row_token).subspan(part.row_begin, part.row_count);
      SY_TRY(server_->accept_own({key, pairs, part.row_count}, {x, rows}));
    } else {
      const std::size_t bytes = shape_.wire.dispatch_bytes(part.row_count, part.pair_count);
      const auto message = messages_.span().subspan(offset, bytes);
      encode(x, plan, part, message);
      SY_TRY(post(to, message));
      offset += bytes;
    }
    counters_.rows_dispatched += part.row_count;
    counters_.pairs_dispatched += part.pair_count;
  }
  counters_.pairs_masked += plan.masked.size();
  ++counters_.exchanges;
  return {};
}

// A send that a dead peer's transport refuses is as good as unanswered.
Result<void> Exchange::post(Part& part, MutableBytes message) {
  auto ticket = transport_.send(part.plan.rank, comm::Channel::kDispatch, message);
  if (!ticket) {
    const bool keep =
        shape_.peer_loss == PeerLoss::kReplay && ticket.error().code == ErrorCode::kPeer;
    if (!keep) return Unexpected(std::move(ticket).error());
    return {};
  }
  part.ticket = *ticket;
  part.sent = true;
  counters_.bytes_sent[part.plan.rank.index()] += message.size();
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
      }
    } else if (part.sent) {
      SY_ASSIGN(const bool done, transport_.send_done(part.ticket));
      if (done) part.sent = false;
    }
    all &= part.answered && !part.sent;
  }
  return all;
}

Result<void> Exchange::accept(RankId from, const Answer& answer, HostBuffer& message) {
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
  return {};
}

Rows Exchange::answer_rows(const Part& part) const {
  if (part.plan.rank == transport_.rank()) return *server_->own_answer(key_.micro_batch);
  const std::size_t stride = shape_.wire.answer_stride_bytes();
  return {part.answer.data() + stride, shape_.wire.answer, part.plan.pair_count, shape_.wire.hidden,
          stride / size_bytes(shape_.wire.answer)};
}

void Exchange::finish(kernels::Device& device, MatrixView<float> residual,
                      std::vector<HostBuffer>& free) {
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
  device.combine(selections_->slot_begin, std::span(slots_).first(selections_->slot_count()),
                 shape_.wire.answer, residual);
  for (auto& part : parts_) {
    if (part.answer.bytes() != 0) free.push_back(std::move(part.answer));
  }
  open_ = false;
}

bool Exchange::needs_replay(const placement::View& view) const {
  return std::ranges::any_of(parts_, [&](const Part& part) {
    // An answered part whose send never ends would hold the exchange open as well.
    if (part.answered && !part.sent) return false;
    if (part.refused) return view.epoch > key_.epoch;
    const auto* member = view.find(part.plan.rank);
    return member == nullptr || !member->expert;
  });
}

void Exchange::withdraw(std::vector<InFlight>& in_flight, std::vector<HostBuffer>& free) {
  SY_CHECK(open_, "nothing to withdraw");
  InFlight kept;
  for (auto& part : parts_) {
    if (!part.answered) counters_.pairs_withdrawn += part.plan.pair_count;
    if (part.sent) kept.sends.push_back(part.ticket);
    if (part.answer.bytes() != 0) free.push_back(std::move(part.answer));
  }
  if (!kept.sends.empty()) {
    kept.memory = std::exchange(messages_, HostBuffer(message_arena_bytes(shape_)));
    in_flight.push_back(std::move(kept));
  }
  if (server_ != nullptr) server_->withdraw_own(key_.micro_batch);
  parts_.clear();
  open_ = false;
  ++counters_.exchanges_replayed;
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

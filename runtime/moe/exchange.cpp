#include "runtime/moe/exchange.h"

#include <algorithm>
#include <cstring>

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
      messages_(message_arena_bytes(shape)) {
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
    const std::size_t bytes = shape_.wire.dispatch_bytes(part.row_count, part.pair_count);
    const bool own = part.rank == transport_.rank();
    Part& to = parts_.emplace_back(Part{part, false, !own, {}, {}});
    if (own) {
      SY_CHECK(server_ != nullptr, "rank {} holds no experts", part.rank.value());
      encode(x, plan, part, server_->own_inbox(key.micro_batch, bytes));
      SY_TRY(server_->accept_own(key.micro_batch, bytes));
    } else {
      const auto message = messages_.span().subspan(offset, bytes);
      encode(x, plan, part, message);
      SY_ASSIGN(to.ticket, transport_.send(part.rank, comm::Channel::kDispatch, message));
      counters_.bytes_sent[part.rank.index()] += bytes;
      ++counters_.messages_sent[part.rank.index()];
      offset += bytes;
    }
    counters_.rows_dispatched += part.row_count;
    counters_.pairs_dispatched += part.pair_count;
  }
  ++counters_.exchanges;
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

const std::byte* Exchange::answer_row(const Part& part, std::size_t pair) const {
  if (part.plan.rank == transport_.rank()) {
    return server_->own_answer(key_.micro_batch)->row(pair);
  }
  return part.answer.data() + (1 + pair) * shape_.wire.answer_stride_bytes();
}

void Exchange::finish(kernels::Device& device, MatrixView<float> residual,
                      std::vector<HostBuffer>& free) {
  SY_CHECK(open_ && residual.rows() == selections_->token_count());
  for (const auto& part : parts_) {
    SY_CHECK(part.answered && !part.sent, "rank {}", part.plan.rank.value());
    for (std::size_t p = 0; p < part.plan.pair_count; ++p) {
      const std::uint32_t slot = plan_->pair_slot[part.plan.pair_begin + p];
      slots_[slot] = {answer_row(part, p), selections_->weights[slot]};
    }
  }
  device.combine(selections_->slot_begin, std::span(slots_).first(selections_->slot_count()),
                 shape_.wire.answer, residual);
  for (auto& part : parts_) {
    if (part.answer.bytes() != 0) free.push_back(std::move(part.answer));
  }
  open_ = false;
}

std::string Exchange::silent_ranks() const {
  std::string names;
  for (const auto& part : parts_) {
    if (part.answered) continue;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", part.plan.rank.value());
  }
  return names;
}

}  // namespace switchyard::moe

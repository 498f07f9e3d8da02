// What a router does with an answer that arrives, and the memory for those that may arrive.
#include <algorithm>
#include <utility>

#include "runtime/moe/data_plane.h"
#include "runtime/moe/plane_sizes.h"

namespace switchyard::moe {

Result<MessageMemory> DataPlane::make_answer_memory() const {
  const auto& wire = options_.wire;
  return MessageMemory::create(device_, wire.row_place, wire.answer_bytes(wire.pairs_max),
                               wire.answer_stride_bytes());
}

// In place of memory that the transport may still write to: such memory to which it writes no more,
// else new.
Result<MessageMemory> DataPlane::spare_answer_memory() {
  for (auto lost = lost_answers_.begin(); lost != lost_answers_.end(); ++lost) {
    if (!transport_.receive_over(lost->message({}, {}).head.data())) continue;
    MessageMemory found = std::move(*lost);
    lost_answers_.erase(lost);
    return found;
  }
  return make_answer_memory();
}

Result<bool> DataPlane::receive_answer() {
  SY_ASSIGN(const auto arrival, transport_.probe(comm::Channel::kCombine));
  if (!arrival) return false;
  const MessageBytes room = options_.wire.answer_bytes(options_.wire.pairs_max);
  if (answers_.empty() || !answers_.back().fits(*arrival, room)) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "rank {} sent an answer of {} bytes; {} is the most, and {} are awaited",
                arrival->from.value(), arrival->bytes + arrival->row_bytes, room.sum(),
                answers_.size());
  }
  const auto message = answers_.back().incoming({}, *arrival);
  if (auto received = transport_.receive_rows(*arrival, message.head, message.rows); !received) {
    if (feed_ == nullptr || received.error().code != ErrorCode::kPeer) {
      return Unexpected(std::move(received).error());
    }
    // Its sender died or was stopped half-way: the transport may still write into the buffer.
    SY_ASSIGN(auto spare, spare_answer_memory());
    lost_answers_.push_back(std::exchange(answers_.back(), std::move(spare)));
    return true;
  }
  SY_ASSIGN(const Answer answer, read_answer(options_.wire, message.head, arrival->row_bytes));
  auto& exchange = exchanges_[answer.key.micro_batch];
  const bool awaited = exchange.open() && exchange.key() == answer.key;
  if (!awaited && feed_ != nullptr) {
    ++counters_.answers_late;
    return true;
  }
  if (!awaited) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "rank {} answered step {} layer {} of epoch {}, which is not open",
                arrival->from.value(), answer.key.step, answer.key.layer, answer.key.epoch.value());
  }
  note_round_trip(arrival->from, open_[answer.key.micro_batch].began);
  SY_TRY(exchange.accept(arrival->from, answer, answers_.back()));
  if (breakers_ && answer.status != AnswerStatus::kServed) {
    breakers_->report(answer.key.micro_batch, arrival->from, CallOutcome::kFailure, clock_.now(),
                      "it refused the rows");
    tell_breakers();
  }
  if (answers_.back().empty()) answers_.pop_back();
  // A refusal that comes after the view it asks for.
  if (feed_ != nullptr && exchange.open() && exchange.needs_replay(*view_, *view_)) {
    SY_TRY(replay(answer.key.micro_batch));
  }
  return true;
}

// The shortest is what the way costs; the others say how busy the rank was.
void DataPlane::note_round_trip(RankId peer, TimePoint began) {
  const auto us = std::clamp<std::int64_t>((clock_.now() - began).count() / 1000, 1, UINT32_MAX);
  auto& shortest = counters_.round_trip_us[peer.index()];
  if (shortest == 0 || us < shortest) shortest = static_cast<std::uint32_t>(us);
}

}  // namespace switchyard::moe

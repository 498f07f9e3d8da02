#include "comm/nccl/head_post.h"

#include <cstring>

namespace switchyard::comm::nccl {

Result<void> HeadPost::send(RankId to, Channel channel, Bytes front, LinkWord word) {
  if (free_.empty()) free_.emplace_back();
  AckState& ack = ack_of(to);
  word.acked = ack.whole;
  word.acked_generation = ack.generation;
  Letter& letter = free_.back();
  letter.bytes.resize(front.size() + sizeof word);
  if (!front.empty()) std::memcpy(letter.bytes.data(), front.data(), front.size());
  std::memcpy(letter.bytes.data() + front.size(), &word, sizeof word);
  SY_ASSIGN(letter.ticket, base_.send(to, channel, letter.bytes));
  ack.owed = false;
  sending_.push_back(std::move(letter));
  free_.pop_back();
  return {};
}

void HeadPost::send_owed_acks() {
  for (std::uint32_t r = 0; r < acks_.size(); ++r) {
    if (!acks_[r].owed) continue;
    const auto sent = send(RankId(r), LinkWord{});
    if (!sent && sent.error().code == ErrorCode::kPeer) acks_[r].owed = false;
  }
}

void HeadPost::collect() {
  for (std::size_t i = 0; i < sending_.size();) {
    const auto done = base_.send_done(sending_[i].ticket);
    if (done && !*done) {
      ++i;
      continue;
    }
    // A failed send has ended too; that the peer is gone shows elsewhere.
    free_.push_back(std::move(sending_[i]));
    if (i + 1 != sending_.size()) sending_[i] = std::move(sending_.back());
    sending_.pop_back();
  }
}

}  // namespace switchyard::comm::nccl

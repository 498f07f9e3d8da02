// comm/nccl/head_post.h -- sends heads and link words over the base transport, from buffers of its
// own, and tells the addressee with each what has come whole from it.
// Thread safety: shared objects: unsafe (the rank's engine thread).
#pragma once

#include <vector>

#include "comm/nccl/link_word.h"
#include "comm/transport.h"

namespace switchyard::comm::nccl {

// What a rank has received from a peer and has still to tell it.
struct AckState {
  std::uint64_t whole = 0;       // number of the last message that is whole here
  std::uint64_t generation = 0;  // of the peer's lane
  bool owed = false;
};

class HeadPost {
 public:
  HeadPost(Transport& base, std::size_t ranks) : base_(base), acks_(ranks) {}

  [[nodiscard]] AckState& ack_of(RankId peer) { return acks_[peer.index()]; }
  // Sends `front`, then the word with the peer's AckState filled in. Both may be reused at once.
  // Errors: the base transport's.
  [[nodiscard]] Result<void> send(RankId to, Channel channel, Bytes front, LinkWord word);
  [[nodiscard]] Result<void> send(RankId to, LinkWord word) {
    return send(to, Channel::kDispatch, {}, word);
  }
  // Sends the acks that are owed by themselves; a dead peer's are dropped.
  void send_owed_acks();
  // Takes back the buffers of sends that are done.
  void collect();
  [[nodiscard]] bool idle() const noexcept { return sending_.empty(); }

 private:
  struct Letter {
    std::vector<std::byte> bytes;
    SendTicket ticket;
  };
  Transport& base_;
  std::vector<AckState> acks_;  // [ranks]
  std::vector<Letter> sending_;
  std::vector<Letter> free_;
};

}  // namespace switchyard::comm::nccl

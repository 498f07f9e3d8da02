// comm/nccl/fence.h -- what goes before the end of a lane's communicator: its owner tells the ranks
// that may be receiving to count nothing more of it, and waits until they say that they do not. An
// abort at the sender may let a receive end well without its rows.
// Not what comes after (outbox.h) and not what the told do (inbox.h).
// Thread safety: shared objects: unsafe (the rank's engine thread).
#pragma once

#include <functional>
#include <vector>

#include "comm/nccl/head_post.h"
#include "runtime/base/clock.h"

namespace switchyard::comm::nccl {

class Fence {
 public:
  // is_lost: what the transport's owner says of a rank; it is not waited for.
  Fence(HeadPost& post, std::function<bool(RankId)> is_lost)
      : post_(post), is_lost_(std::move(is_lost)) {}

  // `generation`: of the lane that ends; `receivers`: who may be receiving from it.
  void raise(std::uint64_t generation, std::vector<RankId> receivers, TimePoint until);
  void take_fenced(RankId from, const LinkWord& word);
  // Another process has come to the rank's slot.
  void forget(RankId rank);
  // Whether nobody that is not lost counts any more, or it is too late to wait. What could not be
  // said before is said now. Blocks: no.
  [[nodiscard]] bool passed(TimePoint now);

 private:
  struct Awaited {
    RankId rank;
    bool told = false;
  };
  HeadPost& post_;
  std::function<bool(RankId)> is_lost_;
  std::uint64_t generation_ = 0;
  TimePoint until_{};
  std::vector<Awaited> awaited_;
};

}  // namespace switchyard::comm::nccl

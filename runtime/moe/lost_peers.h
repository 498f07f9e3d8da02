// runtime/moe/lost_peers.h -- which ranks take part, as far as one rank has heard.
// Not health (control) and not the members themselves (view.h). A rank that is in no view yet is
// not lost: it may have heard of the view that makes it a member before we have, and its rows,
// which come by then, must not be given up. Thread safety: shared objects: unsafe.
#pragma once

#include <vector>

#include "comm/transport.h"
#include "runtime/placement/view.h"

namespace switchyard::moe {

class LostPeers {
 public:
  using Lost = comm::Transport::Lost;

  explicit LostPeers(std::size_t ranks) : lost_(ranks, Lost::kAbsent) {}

  // This rank acts on `view` from now on: whoever was a member and is none now is lost.
  void follow(const placement::View& view);
  // `next` is being prepared: who was lost and is a member of it is back.
  void expect(const placement::View& next);

  [[nodiscard]] Lost operator[](RankId rank) const { return lost_[rank.index()]; }

 private:
  std::vector<Lost> lost_;  // [ranks]
};

}  // namespace switchyard::moe

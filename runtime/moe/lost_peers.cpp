#include "runtime/moe/lost_peers.h"

namespace switchyard::moe {

void LostPeers::follow(const placement::View& view) {
  for (std::uint32_t r = 0; r < lost_.size(); ++r) {
    if (view.find(RankId(r)) != nullptr) {
      lost_[r] = Lost::kNo;
    } else if (lost_[r] == Lost::kNo) {
      lost_[r] = Lost::kYes;
    }
  }
}

void LostPeers::expect(const placement::View& next) {
  for (const auto& member : next.members) {
    auto& lost = lost_[member.rank.index()];
    if (lost == Lost::kYes) lost = Lost::kAbsent;
  }
}

}  // namespace switchyard::moe

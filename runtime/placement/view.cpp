#include "runtime/placement/view.h"

#include <algorithm>
#include <set>
#include <utility>

#include "runtime/base/check.h"

namespace switchyard::placement {

Result<Placement> Placement::create(std::size_t layers, std::size_t experts,
                                    std::vector<std::vector<Replica>> replicas, Gaps gaps) {
  if (replicas.size() != layers * experts) {
    return fail(ErrorCode::kConfig, "placement: {} lists for {} layers of {} experts",
                replicas.size(), layers, experts);
  }
  Placement out;
  out.layers_ = layers;
  out.experts_ = experts;
  out.begin_.reserve(replicas.size() + 1);
  out.begin_.push_back(0);
  for (std::size_t l = 0; l < layers; ++l) {
    std::set<std::pair<RankId, SlotId>> taken;
    for (std::size_t e = 0; e < experts; ++e) {
      auto& list = replicas[l * experts + e];
      if (list.empty()) ++out.masked_count_;
      if (list.empty() && gaps == Gaps::kForbidden) {
        return fail(ErrorCode::kConfig, "placement: layer {} expert {} is on no rank", l, e);
      }
      std::sort(list.begin(), list.end(),
                [](const Replica& a, const Replica& b) { return a.rank < b.rank; });
      for (std::size_t i = 0; i < list.size(); ++i) {
        if (i > 0 && list[i].rank == list[i - 1].rank) {
          return fail(ErrorCode::kConfig, "placement: layer {} expert {} is twice on rank {}", l, e,
                      list[i].rank.value());
        }
        if (!taken.emplace(list[i].rank, list[i].slot).second) {
          return fail(ErrorCode::kConfig,
                      "placement: layer {} expert {}: slot {} of rank {} is taken", l, e,
                      list[i].slot.value(), list[i].rank.value());
        }
      }
      out.replicas_.insert(out.replicas_.end(), list.begin(), list.end());
      out.begin_.push_back(static_cast<std::uint32_t>(out.replicas_.size()));
    }
  }
  return out;
}

std::span<const Replica> Placement::replicas(std::size_t layer, ExpertId expert) const {
  SY_CHECK(layer < layers_ && expert.index() < experts_, "layer {} expert {}", layer,
           expert.value());
  const std::size_t i = layer * experts_ + expert.index();
  return std::span(replicas_).subspan(begin_[i], begin_[i + 1] - begin_[i]);
}

std::vector<ExpertId> Placement::experts_of(std::size_t layer, RankId rank) const {
  std::vector<std::pair<SlotId, ExpertId>> held;
  for (std::uint32_t e = 0; e < experts_; ++e) {
    for (const Replica& replica : replicas(layer, ExpertId(e))) {
      if (replica.rank == rank) held.emplace_back(replica.slot, ExpertId(e));
    }
  }
  std::sort(held.begin(), held.end());
  std::vector<ExpertId> out;
  out.reserve(held.size());
  for (const auto& [slot, expert] : held) out.push_back(expert);
  return out;
}

const Member* View::find(RankId rank) const noexcept {
  const auto at = std::ranges::lower_bound(members, rank, {}, &Member::rank);
  return at != members.end() && at->rank == rank ? &*at : nullptr;
}

}  // namespace switchyard::placement

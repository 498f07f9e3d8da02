#include "runtime/control/move_batches.h"

#include <algorithm>
#include <utility>

#include "runtime/base/check.h"

namespace switchyard::control {
namespace {

using placement::Move;

// For each rank as many slots as the fuller of the two placements uses in a layer.
std::vector<placement::RankTraits> roomy(const placement::Placement& now,
                                         const placement::Placement& goal,
                                         const std::vector<RankId>& ranks) {
  std::vector<placement::RankTraits> out(ranks.size());
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    out[r].slots = 1;
    for (std::size_t l = 0; l < now.layers(); ++l) {
      out[r].slots = std::max(
          {out[r].slots, now.experts_of(l, ranks[r]).size(), goal.experts_of(l, ranks[r]).size()});
    }
  }
  return out;
}

bool any_of_group(const std::vector<placement::Replica>& copies, const std::set<RankId>& group) {
  return std::ranges::any_of(copies, [&](const auto& copy) { return group.contains(copy.rank); });
}

std::size_t index_of(const CopyTable& table, const Move& move) {
  return move.layer * table.experts + move.expert.index();
}

void apply(CopyTable& table, const Move& move) {
  auto& copies = table.copies[index_of(table, move)];
  if (move.kind == Move::Kind::kDrop) {
    std::erase_if(copies, [&](const auto& copy) { return copy.rank == move.rank; });
  } else {
    const auto behind = std::ranges::upper_bound(copies, move.rank, {}, &placement::Replica::rank);
    copies.insert(behind, {move.rank, SlotId()});  // keep_slots() finds it a free one
  }
}

}  // namespace

Result<MoveBatches> MoveBatches::create(const placement::Placement& now,
                                        const placement::Placement& goal, std::vector<RankId> ranks,
                                        std::vector<std::set<RankId>> groups) {
  const auto traits = roomy(now, goal, ranks);
  MoveBatches out;
  SY_ASSIGN(out.moves_, placement::order_moves(now, goal, {ranks, traits, 1}));
  out.groups_ = std::move(groups);
  out.at_.table = CopyTable::of(now);
  out.goal_ = CopyTable::of(goal);
  for (const auto& copies : out.at_.table.copies) out.copies_before_.push_back(copies.size());
  out.loads_ =
      static_cast<std::size_t>(std::ranges::count(out.moves_, Move::Kind::kLoad, &Move::kind));
  return out;
}

bool MoveBatches::may_drop(const CopyTable& table, const Move& drop) const {
  const std::size_t i = index_of(table, drop);
  const auto& goal = goal_.copies[i];
  auto after = table.copies[i];
  std::erase_if(after, [&](const auto& copy) { return copy.rank == drop.rank; });
  if (after.size() < std::min(copies_before_[i], goal.size())) return false;
  return std::ranges::all_of(groups_, [&](const auto& group) {
    return any_of_group(after, group) || !any_of_group(table.copies[i], group) ||
           !any_of_group(goal, group);
  });
}

void MoveBatches::drop_late(At& at) const {
  std::erase_if(at.late, [&](const Move& drop) {
    if (!may_drop(at.table, drop)) return false;
    apply(at.table, drop);
    return true;
  });
}

const CopyTable& MoveBatches::next(std::size_t copies_max) {
  SY_CHECK(!done(), "no move is left");
  if (tried_) return tried_->table;
  At at = at_;
  const std::size_t loads_max = at.loads + copies_max;
  for (; at.first < moves_.size(); ++at.first) {
    const Move& move = moves_[at.first];
    if (move.kind == Move::Kind::kDrop) {
      at.late.push_back(move);
    } else if (at.loads < loads_max) {
      apply(at.table, move);
      ++at.loads;
    } else {
      break;
    }
    drop_late(at);
  }
  SY_CHECK(at.first < moves_.size() || at.late.empty(), "{} drops are never safe", at.late.size());
  tried_ = std::move(at);
  return tried_->table;
}

void MoveBatches::take() {
  SY_CHECK(tried_.has_value(), "no batch was made");
  at_ = *std::exchange(tried_, std::nullopt);
}

}  // namespace switchyard::control

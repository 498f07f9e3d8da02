#include "runtime/control/placement_repair.h"

#include <algorithm>
#include <map>

namespace switchyard::control {
namespace {

using Copies = std::vector<placement::Replica>;

bool holds(const Copies& copies, RankId rank) {
  return std::ranges::any_of(copies, [&](const auto& copy) { return copy.rank == rank; });
}

bool in_group(const Copies& copies, const std::set<RankId>& group) {
  return std::ranges::any_of(copies, [&](const auto& copy) { return group.contains(copy.rank); });
}

// One layer of a table under repair.
class Layer {
 public:
  Layer(CopyTable& table, std::size_t layer, const RepairRequest& request)
      : first_(table.copies.data() + layer * table.experts),
        experts_(table.experts),
        request_(request) {
    for (const RankId rank : request.targets) held_[rank];
    for (std::size_t e = 0; e < experts_; ++e) {
      for (const auto& copy : first_[e]) {
        slots_[copy.rank].insert(copy.slot);
        if (held_.contains(copy.rank)) ++held_[copy.rank];
      }
    }
  }

  // Adds copies until each expert has `count`; whether that could be done.
  bool fill(std::size_t count) {
    bool filled = true;
    for (std::size_t e = 0; e < experts_; ++e) {
      while (first_[e].size() < count && add(e, nullptr)) {
      }
      filled = filled && first_[e].size() >= count;
    }
    return filled;
  }

  void cover(const std::set<RankId>& group) {
    for (std::size_t e = 0; e < experts_; ++e) {
      if (!in_group(first_[e], group)) (void)add(e, &group);
    }
  }

  void level() {
    while (move_one()) {
    }
  }

 private:
  // The target that holds least and may take a copy of e; null where there is none.
  const RankId* lightest(std::size_t e, const std::set<RankId>* group) const {
    const RankId* best = nullptr;
    for (const auto& [rank, count] : held_) {
      if (holds(first_[e], rank) || (group != nullptr && !group->contains(rank))) continue;
      if (best == nullptr || count < held_.at(*best)) best = &rank;
    }
    return best;
  }

  void put(std::size_t e, RankId rank) {
    auto& slots = slots_[rank];
    SlotId free;
    while (slots.contains(free)) free = free.next();
    slots.insert(free);
    first_[e].push_back({rank, free});
    ++held_[rank];
  }

  void take(std::size_t e, RankId rank) {
    const auto found =
        std::ranges::find_if(first_[e], [&](const auto& copy) { return copy.rank == rank; });
    slots_[rank].erase(found->slot);
    first_[e].erase(found);
    --held_[rank];
  }

  bool add(std::size_t e, const std::set<RankId>* group) {
    const RankId* rank = lightest(e, group);
    if (rank == nullptr) return false;
    put(e, *rank);
    return true;
  }

  bool may_leave(std::size_t e, RankId from, RankId to) const {
    Copies after = first_[e];
    std::erase_if(after, [&](const auto& copy) { return copy.rank == from; });
    after.push_back({to, SlotId()});
    return std::ranges::all_of(request_.groups, [&](const auto& group) {
      return !in_group(first_[e], group) || in_group(after, group);
    });
  }

  // Moves one copy from the fullest target to the emptiest that may take one; false when even.
  bool move_one() {
    std::vector<RankId> order;
    for (const auto& [rank, count] : held_) order.push_back(rank);
    std::ranges::stable_sort(order, {}, [&](RankId rank) { return held_.at(rank); });
    for (auto from = order.rbegin(); from != order.rend(); ++from) {
      for (const RankId to : order) {
        if (held_.at(*from) <= held_.at(to) + 1) break;
        for (std::size_t e = experts_; e-- > 0;) {
          if (!holds(first_[e], *from) || holds(first_[e], to) || !may_leave(e, *from, to)) {
            continue;
          }
          take(e, *from);
          put(e, to);
          return true;
        }
      }
    }
    return false;
  }

  Copies* first_;  // [experts]
  std::size_t experts_;
  const RepairRequest& request_;
  std::map<RankId, std::size_t> held_;        // copies per target
  std::map<RankId, std::set<SlotId>> slots_;  // taken
};

}  // namespace

CopyTable CopyTable::of(const placement::Placement& placement) {
  CopyTable out{placement.layers(), placement.experts(), {}};
  out.copies.reserve(out.layers * out.experts);
  for (std::size_t l = 0; l < out.layers; ++l) {
    for (std::uint32_t e = 0; e < out.experts; ++e) {
      const auto copies = placement.replicas(l, ExpertId(e));
      out.copies.emplace_back(copies.begin(), copies.end());
    }
  }
  return out;
}

void CopyTable::drop(const std::set<RankId>& ranks) {
  for (Copies& list : copies) {
    std::erase_if(list, [&](const auto& copy) { return ranks.contains(copy.rank); });
  }
}

std::size_t CopyTable::lost() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(copies, [](const Copies& list) { return list.empty(); }));
}

Result<void> repair(CopyTable& table, const RepairRequest& request) {
  const std::size_t count = std::min(request.replicas, request.targets.size());
  for (std::size_t l = 0; l < table.layers; ++l) {
    Layer layer(table, l, request);
    const bool whole = layer.fill(1);
    if (!whole) return fail(ErrorCode::kConfig, "layer {}: no rank can take a lost expert", l);
    (void)layer.fill(count);  // fewer where other holders are no targets
    for (const auto& group : request.groups) layer.cover(group);
    if (request.evenness == Evenness::kLevel) layer.level();
  }
  return {};
}

bool covers(const CopyTable& table, const std::vector<std::set<RankId>>& groups) {
  return std::ranges::all_of(groups, [&](const auto& group) {
    return std::ranges::all_of(table.copies,
                               [&](const Copies& list) { return in_group(list, group); });
  });
}

}  // namespace switchyard::control

#include "runtime/control/placement_repair.h"

#include <algorithm>
#include <compare>
#include <map>

namespace switchyard::control {
namespace {

using Copies = std::vector<placement::Replica>;

bool holds(const Copies& copies, RankId rank) {
  return std::ranges::any_of(copies, [&](const auto& copy) { return copy.rank == rank; });
}

std::size_t count_in(const Copies& copies, const std::set<RankId>& group) {
  return static_cast<std::size_t>(
      std::ranges::count_if(copies, [&](const auto& copy) { return group.contains(copy.rank); }));
}

bool in_group(const Copies& copies, const std::set<RankId>& group) {
  return count_in(copies, group) > 0;
}

// How many copies are where one on the rank would be, its own aside: they would die together.
struct Crowd {
  std::size_t host = 0;
  std::size_t zone = 0;
  auto operator<=>(const Crowd&) const = default;
};

// One layer of a table under repair.
class Layer {
 public:
  Layer(CopyTable& table, std::size_t layer, const RepairRequest& request)
      : first_(table.copies.data() + layer * table.experts),
        experts_(table.experts),
        request_(request) {
    if (!request.loads.empty()) loads_ = request.loads.data() + layer * table.experts;
    for (const RankId rank : request.targets) held_[rank];
    for (std::size_t e = 0; e < experts_; ++e) {
      order_.push_back(e);
      for (const auto& copy : first_[e]) {
        slots_[copy.rank].insert(copy.slot);
        if (held_.contains(copy.rank)) ++held_[copy.rank].copies;
      }
      share_out(e, 1);
    }
    std::ranges::stable_sort(order_, std::ranges::greater{},
                             [&](std::size_t e) { return load(e); });
  }

  // Adds copies until each expert has `count`; whether that could be done.
  bool fill(std::size_t count) {
    bool filled = true;
    for (const std::size_t e : order_) {
      while (first_[e].size() < count && add(e, nullptr)) {
      }
      filled = filled && first_[e].size() >= count;
    }
    return filled;
  }

  void cover(const std::set<RankId>& group, std::size_t count) {
    for (const std::size_t e : order_) {
      while (count_in(first_[e], group) < count && add(e, &group)) {
      }
    }
  }

  void level() {
    while (move_one()) {
    }
  }

 private:
  // What a target holds; the one with less of it may take more.
  struct Held {
    double pairs = 0;
    std::size_t copies = 0;
    auto operator<=>(const Held&) const = default;
  };

  std::uint64_t load(std::size_t e) const { return loads_ == nullptr ? 0 : loads_[e]; }

  // Adds (sign 1) or takes away (-1) e's pairs, split evenly over its copies.
  void share_out(std::size_t e, double sign) {
    const double share =
        sign * static_cast<double>(load(e)) / static_cast<double>(first_[e].size());
    for (const auto& copy : first_[e]) {
      const auto held = held_.find(copy.rank);
      if (held != held_.end()) held->second.pairs += share;
    }
  }

  Crowd crowd(std::size_t e, RankId rank, RankId without) const {
    Crowd out;
    const auto own = request_.spots.find(rank);
    if (own == request_.spots.end()) return out;
    for (const auto& copy : first_[e]) {
      const auto other = request_.spots.find(copy.rank);
      if (copy.rank == rank || copy.rank == without || other == request_.spots.end()) continue;
      const auto& [host, zone] = own->second;
      out.host += !host.empty() && other->second.host == host ? 1U : 0U;
      out.zone += !zone.empty() && other->second.zone == zone ? 1U : 0U;
    }
    return out;
  }

  // Of the targets that may take a copy of e: away from the others, then the one that holds least;
  // null where there is none.
  const RankId* lightest(std::size_t e, const std::set<RankId>* group) const {
    const RankId* best = nullptr;
    std::pair<Crowd, Held> least;
    for (const auto& [rank, held] : held_) {
      if (holds(first_[e], rank) || (group != nullptr && !group->contains(rank))) continue;
      const std::pair cost(crowd(e, rank, rank), held);
      if (best != nullptr && !(cost < least)) continue;
      best = &rank;
      least = cost;
    }
    return best;
  }

  void put(std::size_t e, RankId rank) {
    auto& slots = slots_[rank];
    SlotId free;
    while (slots.contains(free)) free = free.next();
    slots.insert(free);
    share_out(e, -1);
    first_[e].push_back({rank, free});
    share_out(e, 1);
    ++held_[rank].copies;
  }

  void take(std::size_t e, RankId rank) {
    const auto found =
        std::ranges::find_if(first_[e], [&](const auto& copy) { return copy.rank == rank; });
    slots_[rank].erase(found->slot);
    share_out(e, -1);
    first_[e].erase(found);
    share_out(e, 1);
    --held_[rank].copies;
  }

  bool add(std::size_t e, const std::set<RankId>* group) {
    const RankId* rank = lightest(e, group);
    if (rank == nullptr) return false;
    put(e, *rank);
    return true;
  }

  bool may_leave(std::size_t e, RankId from, RankId to) const {
    if (crowd(e, to, from) > crowd(e, from, from)) return false;
    Copies after = first_[e];
    std::erase_if(after, [&](const auto& copy) { return copy.rank == from; });
    after.push_back({to, SlotId()});
    return std::ranges::all_of(request_.groups,
                               [&](const auto& group) {
                                 return count_in(after, group) >=
                                        std::min(count_in(first_[e], group), request_.replicas);
                               }) &&
           std::ranges::all_of(request_.regions, [&](const auto& region) {
             return in_group(after, region) || !in_group(first_[e], region);
           });
  }

  // Moves one copy from the fullest target to the emptiest that may take one; false when even.
  bool move_one() {
    std::vector<RankId> order;
    for (const auto& [rank, held] : held_) order.push_back(rank);
    std::ranges::stable_sort(order, {}, [&](RankId rank) { return held_.at(rank).copies; });
    for (auto from = order.rbegin(); from != order.rend(); ++from) {
      for (const RankId to : order) {
        if (held_.at(*from).copies <= held_.at(to).copies + 1) break;
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
  const std::uint64_t* loads_ = nullptr;      // [experts]; null: all alike
  std::vector<std::size_t> order_;            // the busiest experts first
  std::map<RankId, Held> held_;               // of the targets
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
    for (const auto& group : request.groups) layer.cover(group, 1);
    for (const auto& group : request.groups) layer.cover(group, std::min(count, group.size()));
    for (const auto& region : request.regions) layer.cover(region, 1);
    const bool whole = layer.fill(1);
    if (!whole) return fail(ErrorCode::kConfig, "layer {}: no rank can take a lost expert", l);
    (void)layer.fill(count);  // fewer where other holders are no targets
    if (request.evenness == Evenness::kLevel) layer.level();
  }
  return {};
}

bool covers(const CopyTable& table, const std::vector<std::set<RankId>>& groups) {
  return std::ranges::all_of(groups, [&](const auto& group) {
    return std::ranges::all_of(
        table.copies, [&](const Copies& list) { return list.empty() || in_group(list, group); });
  });
}

void keep_slots(CopyTable& table, const CopyTable& before) {
  for (std::size_t l = 0; l < table.layers; ++l) {
    std::map<RankId, std::set<SlotId>> taken;
    std::vector<placement::Replica*> fresh;
    for (std::size_t e = 0; e < table.experts; ++e) {
      const std::size_t i = l * table.experts + e;
      for (auto& copy : table.copies[i]) {
        const auto old = std::ranges::find(before.copies[i], copy.rank, &placement::Replica::rank);
        if (old == before.copies[i].end()) {
          fresh.push_back(&copy);
        } else {
          copy.slot = old->slot;
          taken[copy.rank].insert(copy.slot);
        }
      }
    }
    for (placement::Replica* copy : fresh) {
      copy->slot = SlotId();
      while (taken[copy->rank].contains(copy->slot)) copy->slot = copy->slot.next();
      taken[copy->rank].insert(copy->slot);
    }
  }
}

bool same_ranks(const CopyTable& a, const CopyTable& b) {
  return std::ranges::equal(a.copies, b.copies, [](const auto& x, const auto& y) {
    return std::ranges::equal(x, y, {}, &placement::Replica::rank, &placement::Replica::rank);
  });
}

}  // namespace switchyard::control

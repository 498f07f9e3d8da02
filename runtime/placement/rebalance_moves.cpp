#include "runtime/placement/rebalance_moves.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>

#include "runtime/base/check.h"

namespace switchyard::placement {
namespace {

// An expert on a rank, by its place in MoveRoom; ordered by expert.
struct Copy {
  ExpertId expert;
  std::size_t rank = 0;
  auto operator<=>(const Copy&) const = default;
};

// The moves of one layer.
class LayerMover {
 public:
  LayerMover(const MoveRoom& room, std::size_t layer, std::size_t experts)
      : room_(room), layer_(layer), copies_(experts, 0), held_(room.ranks.size(), 0) {}

  void have(Copy copy) {
    there_.insert(copy);
    drops_.insert(copy);  // unless it is wanted
    ++copies_[copy.expert.index()];
    ++held_[copy.rank];
  }
  void want(Copy copy) {
    if (!there_.contains(copy)) loads_.insert(copy);
    drops_.erase(copy);
  }

  void run(std::vector<Move>& out) {
    while (!loads_.empty()) {
      relieve(out);
      if (const auto load = next_load()) {
        take(*load, Move::Kind::kLoad, out);
      } else {
        make_room(out);
      }
    }
    while (!drops_.empty()) take(*drops_.begin(), Move::Kind::kDrop, out);
  }

 private:
  [[nodiscard]] std::size_t slots(std::size_t rank) const { return room_.traits[rank].slots; }
  [[nodiscard]] bool crowded(std::size_t rank) const { return held_[rank] > slots(rank); }
  [[nodiscard]] std::size_t copies(const Copy& copy) const { return copies_[copy.expert.index()]; }

  // Ranks beyond their slots drop what is elsewhere too.
  void relieve(std::vector<Move>& out) {
    for (auto it = drops_.begin(); it != drops_.end();) {
      const Copy copy = *it++;
      if (crowded(copy.rank) && copies(copy) > 1) take(copy, Move::Kind::kDrop, out);
    }
  }

  // The load that fits and comes first: of an expert that is nowhere; into a slot that the rank has
  // anyway; else the lowest.
  [[nodiscard]] std::optional<Copy> next_load() const {
    std::optional<Copy> best;
    std::tuple<bool, bool> best_key;
    for (const Copy& load : loads_) {
      if (held_[load.rank] >= slots(load.rank) + room_.spare) continue;
      const std::tuple key(copies(load) > 0, held_[load.rank] >= slots(load.rank));
      if (!best || key < best_key) {
        best = load;
        best_key = key;
      }
    }
    return best;
  }

  // No load fits: a rank that waits for one drops something, if it can what is elsewhere too.
  void make_room(std::vector<Move>& out) {
    std::optional<Copy> best;
    for (const Copy& drop : drops_) {
      const bool waited_for =
          std::ranges::any_of(loads_, [&](const Copy& load) { return load.rank == drop.rank; });
      if (!waited_for) continue;
      if (!best || (copies(drop) > 1 && copies(*best) <= 1)) best = drop;
    }
    SY_CHECK(best.has_value(), "layer {}: a full rank has nothing to drop", layer_);
    take(*best, Move::Kind::kDrop, out);
  }

  void take(Copy copy, Move::Kind kind, std::vector<Move>& out) {
    const bool load = kind == Move::Kind::kLoad;
    if (load) {
      loads_.erase(copy);
      ++copies_[copy.expert.index()];
      ++held_[copy.rank];
    } else {
      drops_.erase(copy);
      --copies_[copy.expert.index()];
      --held_[copy.rank];
    }
    out.push_back({kind, layer_, copy.expert, room_.ranks[copy.rank], !load && copies(copy) == 0});
  }

  const MoveRoom& room_;
  std::size_t layer_;
  std::vector<std::size_t> copies_;  // [experts] living
  std::vector<std::size_t> held_;    // [ranks]
  std::set<Copy> there_;
  std::set<Copy> loads_;
  std::set<Copy> drops_;
};

[[nodiscard]] Result<void> check_plan(const Placement& plan, const MoveRoom& room,
                                      const std::unordered_map<RankId, std::size_t>& place) {
  for (std::size_t l = 0; l < plan.layers(); ++l) {
    std::vector<std::size_t> held(room.ranks.size(), 0);
    for (std::uint32_t e = 0; e < plan.experts(); ++e) {
      for (const Replica& copy : plan.replicas(l, ExpertId(e))) {
        const auto found = place.find(copy.rank);
        if (found == place.end() || !room.traits[found->second].alive) {
          return fail(ErrorCode::kConfig, "plan: layer {} expert {} is on rank {}, which is {}", l,
                      e, copy.rank.value(), found == place.end() ? "not listed" : "dead");
        }
        const std::size_t r = found->second;
        if (++held[r] > room.traits[r].slots) {
          return fail(ErrorCode::kConfig, "plan: layer {} gives rank {} more than its {} slots", l,
                      copy.rank.value(), room.traits[r].slots);
        }
      }
    }
  }
  return {};
}

}  // namespace

Result<std::vector<Move>> order_moves(const Placement& now, const Placement& plan,
                                      const MoveRoom& room) {
  SY_CHECK(now.layers() == plan.layers() && now.experts() == plan.experts(),
           "placements of different models");
  SY_CHECK(room.ranks.size() == room.traits.size(), "{} ranks, {} descriptions", room.ranks.size(),
           room.traits.size());
  std::unordered_map<RankId, std::size_t> place;
  for (std::size_t r = 0; r < room.ranks.size(); ++r) place.emplace(room.ranks[r], r);
  SY_TRY(check_plan(plan, room, place));
  std::vector<Move> moves;
  for (std::size_t l = 0; l < plan.layers(); ++l) {
    LayerMover mover(room, l, plan.experts());
    for (std::uint32_t e = 0; e < plan.experts(); ++e) {
      const ExpertId expert(e);
      for (const Replica& copy : now.replicas(l, expert)) {
        const auto found = place.find(copy.rank);
        if (found == place.end() || !room.traits[found->second].alive) continue;
        mover.have({expert, found->second});
      }
      for (const Replica& copy : plan.replicas(l, expert)) {
        mover.want({expert, place.at(copy.rank)});
      }
    }
    mover.run(moves);
  }
  return moves;
}

}  // namespace switchyard::placement

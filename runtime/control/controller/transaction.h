// runtime/control/controller/transaction.h -- a change of the view: what is proposed, and the one
// that is under way. Plain values. Thread safety: distinct objects: safe.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/control/messages.h"
#include "runtime/control/move_batches.h"
#include "runtime/control/move_note.h"
#include "runtime/control/placement_repair.h"
#include "runtime/placement/view.h"

namespace switchyard::control {

struct Roles {
  std::set<RankId> routers;
  std::set<RankId> experts;

  [[nodiscard]] static Roles of(const placement::View& view) {
    Roles out;
    for (const placement::Member& member : view.members) {
      if (member.router) out.routers.insert(member.rank);
      if (member.expert) out.experts.insert(member.rank);
    }
    return out;
  }
  [[nodiscard]] std::set<RankId> all() const {
    std::set<RankId> out = routers;
    out.insert(experts.begin(), experts.end());
    return out;
  }
  bool operator==(const Roles&) const = default;
};

// Recoveries come first and are tried again for as long as it takes. A planned change that a rank
// cannot load is tried with other spares, while there are any; then, or when it takes too long,
// what was wished for is given up: the targets become what there is. What no wish asked for (copies
// that a residency rule needs, the end of a drain) is tried again when its ranks are fit again.
enum class Occasion : std::uint8_t { kRecovery, kPlanned };
// A batch belongs to a rebalance that has more to come.
enum class Purpose : std::uint8_t { kWhole, kBatch };

struct Proposal {
  Roles roles;
  CopyTable table;
  std::string cause;
  Occasion occasion = Occasion::kPlanned;
  placement::Gaps gaps = placement::Gaps::kForbidden;
  Purpose purpose = Purpose::kWhole;
};

using Seats = std::map<RankId, Incarnation>;    // the lives that are members
using Loading = std::map<RankId, std::size_t>;  // copies to load; 0: a router's part only

struct Transaction {
  std::shared_ptr<const placement::View> view;
  Seats seats;
  std::set<RankId> waiting;             // have not said Prepared
  std::map<RankId, TimePoint> late_at;  // of those: unless it is seen to load until then
  std::string cause;
  Occasion occasion = Occasion::kPlanned;
  Loading loading;
  TimePoint since{};
  // Of its loaders one has not failed before, or has been seen to read: it may well succeed.
  bool promising = false;

  // The next of them to be late.
  [[nodiscard]] TimePoint deadline() const {
    TimePoint first = TimePoint::max();
    for (const RankId rank : waiting) first = std::min(first, late_at.at(rank));
    return first;
  }
};

// Experts on their way to where they are wanted, one batch after the other.
struct Rebalance {
  MoveBatches batches;
  Epoch from;             // the view that the next batch changes
  Epoch pending;          // the view of the batch that was proposed; 0: none
  std::size_t views = 0;  // committed
  MovesFor moves_for = MovesFor::kLoad;
  TimePoint until{};  // the next batch is followed by all, or the rest is given up
};

// Another number of copies of each expert is on its way.
struct ReplicaChange {
  std::uint32_t from = 1;  // what it goes back to
  TimePoint until{};
};

}  // namespace switchyard::control

// runtime/control/controller/transaction.h -- a change of the view: what is proposed, and the one
// that is under way. Plain values. Thread safety: distinct objects: safe.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/control/messages.h"
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

// Recoveries come first and are tried again; planned changes are given up when they fail.
enum class Occasion : std::uint8_t { kRecovery, kPlanned };

struct Proposal {
  Roles roles;
  CopyTable table;
  std::string cause;
  Occasion occasion = Occasion::kPlanned;
  placement::Gaps gaps = placement::Gaps::kForbidden;
};

using Seats = std::map<RankId, Incarnation>;  // the lives that are members

struct Transaction {
  std::shared_ptr<const placement::View> view;
  Seats seats;
  std::set<RankId> waiting;  // have not said Prepared
  TimePoint deadline{};
  std::string cause;
  Occasion occasion = Occasion::kPlanned;
};

}  // namespace switchyard::control

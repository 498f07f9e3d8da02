// Residency rules against roles and slots: whom a rule needs, which slots it lets rows go to.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "runtime/control/controller/state.h"
#include "runtime/control/leave_choice.h"

namespace switchyard::control {

// A rule is served by a router and an expert rank in its regions: the planner then gives the latter
// every expert that it lacks.
bool Controller::State::serves(const ResidencyRule& rule, const Roles& roles) const {
  const auto inside = [&](RankId rank) {
    return residency.allows(rule.regime, members.at(rank).region);
  };
  return std::ranges::any_of(roles.routers, inside) && std::ranges::any_of(roles.experts, inside);
}

std::optional<std::string> Controller::State::broken_rule(const Roles& held,
                                                          const Roles& next) const {
  for (const ResidencyRule& rule : residency.rules()) {
    if (!serves(rule, held) || serves(rule, next)) continue;
    return fmt::format("requests of '{}' would have no router or no expert rank in {}", rule.regime,
                       fmt::join(rule.regions, ", "));
  }
  return std::nullopt;
}

bool Controller::State::may_leave(RankId expert, const Roles& roles) const {
  Roles without = roles;
  without.experts.erase(expert);
  return !broken_rule(roles, without);
}

std::vector<RankId> Controller::State::leavers(const std::vector<RankId>& order,
                                               std::size_t count) const {
  const Roles held = Roles::of(*view);
  std::vector<std::set<std::string>> rules;
  for (const ResidencyRule& rule : residency.rules()) {
    if (serves(rule, held)) rules.emplace_back(rule.regions.begin(), rule.regions.end());
  }
  std::vector<Leaver> list;
  list.reserve(order.size());
  for (const RankId rank : order) list.push_back({rank, members.at(rank).region});
  return choose_leavers(list, rules, count);
}

// Gives ranks in a rule's regions the roles that it lacks, where that makes it whole: spares, or in
// want of them ranks that do both. One that could not load of late does not count. Whoever is above
// the targets then is trimmed elsewhere.
void Controller::State::fill_rules(Roles& want) const {
  for (const ResidencyRule& rule : residency.rules()) {
    const auto inside = [&](RankId rank) {
      return residency.allows(rule.regime, members.at(rank).region);
    };
    Roles trial = want;
    const auto ensure = [&](bool (*can)(RankKind), std::set<RankId>& role) {
      const auto takes_part = [&](RankId rank) {
        return inside(rank) && !members.at(rank).cordoned && fit(rank);
      };
      if (std::ranges::any_of(role, takes_part)) return;
      const std::set<std::string> regions(rule.regions.begin(), rule.regions.end());
      const auto spare = find_spare(can, trial, regions);
      if (spare && inside(*spare)) {
        role.insert(*spare);
        return;
      }
      for (const RankId rank : trial.all()) {
        if (!inside(rank) || !usable(rank) || !can(members.at(rank).kind)) continue;
        role.insert(rank);
        return;
      }
    };
    ensure(&can_hold, trial.experts);
    ensure(&can_route, trial.routers);
    if (serves(rule, trial)) want = std::move(trial);
  }
}

// Where ranks have gone for which a spare may come: these, and all that are dead or drained.
std::set<std::string> Controller::State::vacated_regions(const std::set<RankId>& gone) const {
  std::set<std::string> out;
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    const Slot& slot = members.at(RankId(r));
    const bool ended = slot.state == SlotState::kDead || slot.state == SlotState::kLeft;
    const bool left = (ended || slot.cordoned) && slot.kind != RankKind::kSpare;
    if (left || gone.contains(RankId(r))) out.insert(slot.region);
  }
  return out;
}

// All slots in the regime's regions, members or not: a spare, or the process that takes a dead
// one's slot, may hold the experts before the request has ended. A slot's region never changes
// (fixed_region), so the list stays right.
std::vector<std::uint32_t> Controller::State::allowed_slots(const std::string& regime) const {
  std::vector<std::uint32_t> out;
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    const Slot& slot = members.at(RankId(r));
    if (slot.state != SlotState::kEmpty && residency.allows(regime, slot.region)) out.push_back(r);
  }
  return out;
}

// Requests that run may send rows to the slot by the region of its first life.
Controller::State::Complaint Controller::State::fixed_region(const Register& asks) const {
  const Slot& slot = members.at(asks.rank);
  if (slot.state == SlotState::kEmpty) return std::nullopt;
  for (const ResidencyRule& rule : residency.rules()) {
    if (residency.allows(rule.regime, slot.region) == residency.allows(rule.regime, asks.region)) {
      continue;
    }
    return fmt::format(
        "slot {} is in the region '{}' and the process in '{}': the rule of '{}' "
        "tells them apart",
        asks.rank.value(), slot.region, asks.region, rule.regime);
  }
  return std::nullopt;
}

}  // namespace switchyard::control

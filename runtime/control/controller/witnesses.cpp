// Whose word counts when a rank is called silent. Under residency rules one router may have nobody
// else to ask while the others go round the rank, and say nothing of it.
#include <algorithm>

#include "runtime/control/controller/state.h"

namespace switchyard::control {

// Whether some expert has no copy beside the rank's where rows of the regime may go.
bool Controller::State::only_holder(RankId rank, const std::string& regime) const {
  if (!residency.allows(regime, members.at(rank).region)) return false;
  const placement::Placement& placement = view->placement;
  const auto serves_too = [&](const placement::Replica& copy) {
    return copy.rank != rank && member(copy.rank) &&
           residency.allows(regime, members.at(copy.rank).region);
  };
  for (std::size_t l = 0; l < placement.layers(); ++l) {
    for (const ExpertId expert : placement.experts_of(l, rank)) {
      if (std::ranges::none_of(placement.replicas(l, expert), serves_too)) return true;
    }
  }
  return false;
}

// Routers that would report the rank if it was silent: those that have to ask it; where none has,
// all that work.
std::size_t Controller::State::routers_able(RankId silent) const {
  const std::size_t working = routers_at_work(silent);
  const auto accused = evidence.accused(now);
  const bool asked = std::ranges::find(accused, silent) != accused.end();
  if (!asked || residency.rules().empty() || !view) return working;
  std::map<std::string, bool> needed;  // by regime
  std::set<RankId> needing;
  for (const auto& [id, request] : ledger.all()) {
    if (request.state != RequestState::kAssigned || request.holder.rank == silent) continue;
    const auto [found, fresh] = needed.try_emplace(request.what.regime);
    if (fresh) found->second = only_holder(silent, request.what.regime);
    if (found->second && member(request.holder.rank)) needing.insert(request.holder.rank);
  }
  return needing.empty() ? working : needing.size();
}

}  // namespace switchyard::control

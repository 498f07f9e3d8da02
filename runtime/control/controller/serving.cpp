// Whether the cluster can answer requests: readiness, and the end of waiting for what nobody can
// load.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/control/controller/state.h"

namespace switchyard::control {

// Experts have had no copy, and nobody who could load them, for too long. A process that is awaited
// and a rank that loads are hope; one that fails again and again at once is not.
bool Controller::State::loaders_gone() {
  bool coming = waiting_for.empty() || (transaction && transaction->promising);
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    coming = coming || members.at(RankId(r)).awaited_until;
  }
  if (coming) loaders_seen = now;
  return now > loaders_seen + options.loss_wait;
}

// Experts that were masked on purpose lack nothing.
std::string Controller::State::unserved() const {
  if (phase != RunPhase::kRunning) return "the cluster is about to end";
  if (!view) return "the first view has not been made";
  const auto routes = [&](const placement::Member& each) {
    return each.router && member(each.rank);
  };
  if (std::ranges::none_of(view->members, routes)) return "no router is left";
  CopyTable table = CopyTable::of(view->placement);
  const std::size_t masked = table.lost();
  table.drop(dead_members(seats));
  if (table.lost() <= masked) return "";
  return fmt::format("{} experts have no copy left{}{}", table.lost() - masked,
                     waiting_for.empty() ? "" : ": ", waiting_for);
}

}  // namespace switchyard::control

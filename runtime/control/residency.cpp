#include "runtime/control/residency.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace switchyard::control {

const ResidencyRule* Residency::find(std::string_view regime) const {
  const auto found = std::ranges::find(rules_, regime, &ResidencyRule::regime);
  return found == rules_.end() ? nullptr : &*found;
}

std::string Residency::rule_of(std::string_view origin, std::string_view regime) const {
  if (origin.empty() || regime.empty()) return std::string(regime);
  std::string both = fmt::format("{}/{}", origin, regime);
  return find(both) != nullptr ? both : std::string(regime);
}

Residency::Verdict Residency::judge(std::string_view regime) const {
  if (regime.empty()) return Verdict::kAnywhere;
  const ResidencyRule* rule = find(regime);
  return rule == nullptr || rule->regions.empty() ? Verdict::kForbidden : Verdict::kLimited;
}

bool Residency::allows(std::string_view regime, std::string_view region) const {
  if (regime.empty()) return true;
  const ResidencyRule* rule = find(regime);
  return rule != nullptr && std::ranges::find(rule->regions, region) != rule->regions.end();
}

std::vector<RankId> Residency::allowed(std::string_view regime, const placement::View& view) const {
  std::vector<RankId> out;
  for (const placement::Member& member : view.members) {
    if (allows(regime, member.region)) out.push_back(member.rank);
  }
  return out;
}

std::optional<std::string> Residency::missing(std::string_view regime,
                                              const placement::View& view) const {
  if (regime.empty()) return std::nullopt;
  const ResidencyRule* rule = find(regime);
  if (rule == nullptr) return fmt::format("no rule for the regime '{}'", regime);
  const std::vector<RankId> ranks = allowed(regime, view);
  const std::set<RankId> in(ranks.begin(), ranks.end());
  if (std::ranges::none_of(view.members,
                           [&](const auto& m) { return m.router && in.contains(m.rank); })) {
    return fmt::format("no router in {}", fmt::join(rule->regions, ", "));
  }
  const placement::Placement& placement = view.placement;
  for (std::size_t l = 0; l < placement.layers(); ++l) {
    for (std::uint32_t e = 0; e < placement.experts(); ++e) {
      const auto copies = placement.replicas(l, ExpertId(e));
      if (copies.empty()) continue;  // masked, for these requests as for all
      if (std::ranges::none_of(copies, [&](const auto& copy) { return in.contains(copy.rank); })) {
        return fmt::format("no replica of layer {} expert {} in {}", l, e,
                           fmt::join(rule->regions, ", "));
      }
    }
  }
  return std::nullopt;
}

std::string counted_origin(std::string_view origin, std::string_view regime) {
  return std::string(origin.empty() ? regime.substr(0, regime.find('/')) : origin);
}

}  // namespace switchyard::control

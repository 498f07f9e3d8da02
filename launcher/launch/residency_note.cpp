#include "launcher/launch/residency_note.h"

#include <fmt/ranges.h>

#include <set>

namespace switchyard::launcher {

std::string residency_note(const std::vector<control::ResidencyRule>& rules,
                           const std::vector<placement::Place>& places) {
  std::set<std::string> there;
  for (const auto& place : places) {
    if (!place.region.empty()) there.insert(place.region);
  }
  std::set<std::string> missing;
  for (const auto& rule : rules) {
    for (const auto& region : rule.regions) {
      if (!there.contains(region)) missing.insert(region);
    }
  }
  if (missing.empty()) return {};
  const std::string known = there.empty()
                                ? "no rank has a region (--regions)"
                                : fmt::format("regions with ranks: {}", fmt::join(there, ", "));
  return fmt::format("--residency: no rank is in {}; {}", fmt::join(missing, ", "), known);
}

}  // namespace switchyard::launcher

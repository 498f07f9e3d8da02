#include "runtime/control/leave_choice.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace switchyard::control {
namespace {

using Rules = std::vector<std::set<std::string>>;

bool serves_all(const Rules& rules, const std::set<std::string>& regions) {
  return std::ranges::all_of(rules, [&](const auto& rule) {
    return std::ranges::any_of(rule, [&](const auto& region) { return regions.contains(region); });
  });
}

// The fewest regions, of those that have ranks, in which one rank each serves every rule.
std::set<std::string> fewest_regions(const std::vector<Leaver>& order, const Rules& rules) {
  std::set<std::string> named;
  for (const Leaver& each : order) {
    const bool asked =
        std::ranges::any_of(rules, [&](const auto& rule) { return rule.contains(each.region); });
    if (asked) named.insert(each.region);
  }
  const std::vector<std::string> regions(named.begin(), named.end());
  std::set<std::string> best = named;
  if (regions.size() > kRegionsMax) return best;
  for (std::uint32_t chosen = 0; chosen < 1U << regions.size(); ++chosen) {
    if (static_cast<std::size_t>(std::popcount(chosen)) >= best.size()) continue;
    std::set<std::string> some;
    for (std::size_t i = 0; i < regions.size(); ++i) {
      if ((chosen >> i & 1U) != 0) some.insert(regions[i]);
    }
    if (serves_all(rules, some)) best = std::move(some);
  }
  return best;
}

// One by one from the front, as long as `keep` holds for those that stay.
template <class Keep>
std::vector<RankId> go_in_order(const std::vector<Leaver>& order, std::size_t count, Keep keep) {
  std::vector<Leaver> staying = order;
  std::vector<RankId> out;
  for (const Leaver& each : order) {
    if (out.size() == count) break;
    auto without = staying;
    std::erase_if(without, [&](const Leaver& other) { return other.rank == each.rank; });
    std::set<std::string> regions;
    for (const Leaver& other : without) regions.insert(other.region);
    if (!keep(regions)) continue;
    staying = std::move(without);
    out.push_back(each.rank);
  }
  return out;
}

}  // namespace

std::vector<RankId> choose_leavers(const std::vector<Leaver>& order, const Rules& rules,
                                   std::size_t count) {
  auto plain = go_in_order(order, count, [&](const auto& left) { return serves_all(rules, left); });
  if (plain.size() == count) return plain;
  const std::set<std::string> needed = fewest_regions(order, rules);
  auto better = go_in_order(order, count,
                            [&](const auto& left) { return std::ranges::includes(left, needed); });
  return better.size() > plain.size() ? better : plain;
}

}  // namespace switchyard::control

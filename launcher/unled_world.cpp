#include "launcher/unled_world.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/config/key_table.h"

namespace switchyard::launcher {

std::string unled_world_note() {
  return "no controller: the view is fixed, and a rank that dies ends the run; `switchyard launch` "
         "runs the same on a cluster that survives its ranks";
}

std::string ignored_settings(const config::EffectiveConfig& config) {
  const config::RunConfig defaults;
  std::string list;
  for (const auto& key : config::all_keys()) {
    if (key.needs != config::KeyNeeds::kLaunch) continue;
    const auto name = key.full_name();
    const auto& value = config.entry(name).value;
    if (value == config::value_text(defaults, key)) continue;
    list += fmt::format("{}{} is '{}'", list.empty() ? "" : ", ", config.blame(name), value);
  }
  if (list.empty()) return list;
  return list + ", which only `switchyard launch` can honour: ignored here";
}

std::string idle_ranks(const config::ClusterSection& cluster, std::size_t experts,
                       std::size_t rank_count) {
  const std::size_t routers = std::max<std::size_t>(1, cluster.routers);
  const bool together = cluster.colocate || rank_count == 1;
  const std::size_t holders = together ? rank_count : rank_count - routers;
  const std::size_t copies = experts * cluster.replicas;
  if (holders <= copies) return {};
  return fmt::format(
      "a layer has {} copies of experts for {} expert ranks: {} of these have nothing to do in it",
      copies, holders, holders - copies);
}

}  // namespace switchyard::launcher

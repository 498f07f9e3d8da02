#include "launcher/unled_world.h"

#include <fmt/format.h>

namespace switchyard::launcher {

std::string unled_world_note() {
  return "no controller: the view is fixed, and a rank that dies ends the run; `switchyard launch` "
         "runs the same on a cluster that survives its ranks";
}

std::vector<std::string> ignored_settings(const config::EffectiveConfig& config) {
  std::vector<std::string> sentences;
  for (const char* key :
       {"cluster.spares", "cluster.autoscale", "cluster.regions", "cluster.residency"}) {
    const auto& entry = config.entry(key);
    if (entry.source == "default") continue;
    sentences.push_back(
        fmt::format("{} is '{}', which only `switchyard launch` can honour: ignored here",
                    config.blame(key), entry.value));
  }
  return sentences;
}

}  // namespace switchyard::launcher

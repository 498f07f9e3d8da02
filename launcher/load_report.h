// launcher/load_report.h -- how evenly a run's work was spread: over the experts of each layer,
// over the expert ranks, and how much of it crossed ranks. For people and as JSON. Thread safety:
// pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "runtime/base/load_metrics.h"
#include "runtime/engine/cluster_report.h"
#include "runtime/routing/routing_stats.h"

namespace switchyard::launcher {

// {"imbalance", "max_vio", "balancedness", "cv", "jain", "gini", "load_entropy", "dead_experts"} of
// one layer's loads.
[[nodiscard]] nlohmann::json load_metrics_json(const LoadMetrics& metrics);

// {"experts": over the first `layers` layers, "ranks": over the slots that held experts at some
// time, "cross_rank_share", "cross_host_share"}. What died counts with what it had reported:
// ranks.at_least. docs/CLI.md says how the layers become one number.
[[nodiscard]] nlohmann::json load_json(const routing::RoutingStats& stats, std::size_t layers,
                                       const engine::ClusterReport& cluster);

// Pairs that went to another rank than their router's, of all; 0 without pairs.
[[nodiscard]] double cross_rank_share(const engine::ClusterReport& cluster);

// Pairs that went to a rank on another host than their router's, of all but those that went to
// ranks that brought no report, whose host is not known; 0 without pairs.
[[nodiscard]] double cross_host_share(const engine::ClusterReport& cluster);

// The balance in a few lines, next to what uniform routing would show.
[[nodiscard]] std::string load_text(const routing::RoutingStats& stats, std::size_t layers,
                                    const engine::ClusterReport& cluster);

}  // namespace switchyard::launcher

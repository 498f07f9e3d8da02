#include "launcher/load_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "runtime/routing/noise_floor.h"

namespace switchyard::launcher {
namespace {

// All layers in one. A step waits for the busiest expert of each layer in turn, so means and maxima
// are summed before they are divided; the rest are means over the layers.
struct LayersTogether {
  LoadMetrics metrics;
  double imbalance_worst = 1;
};

LayersTogether put_together(const routing::RoutingStats& stats, std::size_t layers) {
  LayersTogether out;
  if (layers == 0) return out;
  LoadMetrics sum{0, 0, 0, 0, 0, 0, 0, 0};
  double means = 0;
  double maxima = 0;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const auto loads = stats.expert_loads(layer);
    const auto metrics = stats.load_metrics(layer);
    for (const auto load : loads) {
      means += static_cast<double>(load) / static_cast<double>(loads.size());
    }
    maxima += static_cast<double>(*std::max_element(loads.begin(), loads.end()));
    sum.max_over_mean += metrics.max_over_mean;
    sum.max_violation += metrics.max_violation;
    sum.cv += metrics.cv;
    sum.gini += metrics.gini;
    sum.entropy += metrics.entropy;
    sum.jain += metrics.jain;
    sum.dead += metrics.dead;
    out.imbalance_worst = std::max(out.imbalance_worst, metrics.max_over_mean);
  }
  const auto n = static_cast<double>(layers);
  out.metrics = {sum.max_over_mean / n,
                 sum.max_violation / n,
                 maxima > 0 ? means / maxima : 1,
                 sum.cv / n,
                 sum.gini / n,
                 sum.entropy / n,
                 sum.jain / n,
                 sum.dead};
  return out;
}

std::vector<double> rank_loads(const engine::ClusterReport& cluster) {
  std::vector<double> loads;
  for (const auto& [rank, pairs] : cluster.pairs_by_slot()) {
    loads.push_back(static_cast<double>(pairs));
  }
  return loads;
}

// What uniform routing of as many pairs would show. A layer's pairs for the experts, all for the
// ranks, which serve the layers one after the other.
double expert_floor(const routing::RoutingStats& stats, std::size_t layers) {
  if (layers == 0) return 1;
  return routing::uniform_noise_floor(
             {stats.shape().experts, 1, stats.slot_count() / layers, 20, 0})
      .expert_max_over_mean;
}

double rank_floor(const routing::RoutingStats& stats, const engine::ClusterReport& cluster) {
  const auto ranks = rank_loads(cluster).size();
  if (ranks < 2 || stats.shape().experts == 0) return 1;
  return routing::uniform_noise_floor({stats.shape().experts, ranks, stats.slot_count(), 20, 0})
      .rank_max_over_mean;
}

LoadMetrics rank_metrics(const engine::ClusterReport& cluster) {
  const auto loads = rank_loads(cluster);
  return loads.empty() ? LoadMetrics{} : measure_loads(loads);
}

std::string balance_text(const LoadMetrics& metrics) {
  return fmt::format("MaxVio {:.2f}, balancedness {:.2f}, CV {:.2f}, Jain {:.2f}",
                     metrics.max_violation, metrics.balancedness, metrics.cv, metrics.jain);
}

}  // namespace

double cross_rank_share(const engine::ClusterReport& cluster) {
  const auto all = cluster.pairs_dispatched();
  return all == 0 ? 0 : static_cast<double>(cluster.pairs_sent_away()) / static_cast<double>(all);
}

double cross_host_share(const engine::ClusterReport& cluster) {
  std::map<std::size_t, std::string_view> hosts;
  for (const auto& rank : cluster.ranks) hosts.emplace(rank.rank.index(), rank.host);
  std::uint64_t all = 0;
  std::uint64_t crossed = 0;
  for (const auto& router : cluster.ranks) {
    all += router.counters.pairs_dispatched;
    const auto& pairs = router.counters.pairs_sent;
    for (std::size_t to = 0; to < pairs.size(); ++to) {
      const auto host = hosts.find(to);
      if (host == hosts.end()) {
        all -= pairs[to];
      } else if (host->second != router.host) {
        crossed += pairs[to];
      }
    }
  }
  return all == 0 ? 0 : static_cast<double>(crossed) / static_cast<double>(all);
}

nlohmann::json load_metrics_json(const LoadMetrics& metrics) {
  return {{"imbalance", metrics.max_over_mean},
          {"max_vio", metrics.max_violation},
          {"balancedness", metrics.balancedness},
          {"cv", metrics.cv},
          {"jain", metrics.jain},
          {"gini", metrics.gini},
          {"load_entropy", metrics.entropy},
          {"dead_experts", metrics.dead}};
}

nlohmann::json load_json(const routing::RoutingStats& stats, std::size_t layers,
                         const engine::ClusterReport& cluster) {
  const auto together = put_together(stats, layers);
  auto experts = load_metrics_json(together.metrics);
  experts["imbalance_worst"] = together.imbalance_worst;
  experts["imbalance_floor"] = expert_floor(stats, layers);
  auto ranks = load_metrics_json(rank_metrics(cluster));
  ranks.erase("dead_experts");
  ranks["imbalance_floor"] = rank_floor(stats, cluster);
  ranks["at_least"] = cluster.at_least();
  return {{"experts", std::move(experts)},
          {"ranks", std::move(ranks)},
          {"cross_rank_share", cross_rank_share(cluster)},
          {"cross_host_share", cross_host_share(cluster)}};
}

std::string load_text(const routing::RoutingStats& stats, std::size_t layers,
                      const engine::ClusterReport& cluster) {
  const auto together = put_together(stats, layers);
  const auto& experts = together.metrics;
  const std::size_t width = stats.shape().experts;
  std::string text = fmt::format(
      "expert load   busiest expert {:.2f} x its layer's mean (uniform routing would show {:.2f}); "
      "{} of {} experts had no token\n"
      "balance       experts: {}\n",
      together.imbalance_worst, expert_floor(stats, layers), experts.dead, layers * width,
      balance_text(experts));
  if (rank_loads(cluster).size() > 1) {
    text += fmt::format("              ranks{}: {} (uniform routing would show MaxVio {:.2f})\n",
                        cluster.at_least() ? ", by what is known of those that died" : "",
                        balance_text(rank_metrics(cluster)), rank_floor(stats, cluster) - 1);
  }
  return text;
}

}  // namespace switchyard::launcher

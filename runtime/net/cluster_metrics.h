// runtime/net/cluster_metrics.h -- the cluster's own numbers for GET /metrics, read from the
// controller's status: views, ranks by health, requests, scaling, loads and links. Names and units
// as Prometheus wants them; docs/OPERATIONS.md has the table. Labels are ranks, links and words of
// a fixed list; loads of single experts are in /v1/cluster alone, because their number is that of
// layers times experts. What the status does not say is not shown. Not what the server itself
// counts (server_metrics.h). Thread safety: shared objects: safe (as prometheus-cpp).
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <nlohmann/json_fwd.hpp>

namespace switchyard::net {

class ClusterMetrics {
 public:
  explicit ClusterMetrics(prometheus::Registry& registry);

  void update(const nlohmann::json& status);

 private:
  using Gauges = prometheus::Family<prometheus::Gauge>;
  using Counters = prometheus::Family<prometheus::Counter>;

  void update_view(const nlohmann::json& status);
  void update_requests(const nlohmann::json& status);
  void update_scaling(const nlohmann::json& status);
  void update_parts(const nlohmann::json& parts);
  void update_loads(const nlohmann::json& status);
  void update_ranks(const nlohmann::json& status);
  void update_links(const nlohmann::json& status);
  void update_breakers(const nlohmann::json& status);

  Gauges& epoch_;
  Gauges& members_;
  Gauges& masked_;
  Gauges& under_replicated_;
  Gauges& change_;
  Gauges& requests_;
  Counters& submitted_;
  Counters& retries_;
  Gauges& retry_tokens_;
  Gauges& breakers_;
  Gauges& ranks_;
  Gauges& healthy_;
  Gauges& heartbeat_age_;
  Gauges& busy_;
  Gauges& cpu_;
  Gauges& queue_delay_;
  Gauges& step_;
  Gauges& memory_;
  Gauges& open_;
  Gauges& rate_;
  Counters& tokens_;
  Counters& pairs_;
  Counters& link_bytes_;
  Counters& waits_;
  Counters& restricted_;
  Gauges& imbalance_;
  Gauges& current_;
  Gauges& desired_;
  Gauges& in_flight_;
  Gauges& part_age_;
  Gauges& balancer_imbalance_;
  Gauges& copies_left_;
};

}  // namespace switchyard::net

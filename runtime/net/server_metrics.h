// runtime/net/server_metrics.h -- what the controller's server counts, for GET /metrics: names and
// units as Prometheus wants them; with the cluster's own numbers (cluster_metrics.h).
// Thread safety: shared objects: safe (as prometheus-cpp).
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <string>
#include <string_view>

#include "runtime/control/controller.h"
#include "runtime/net/cluster_metrics.h"

namespace switchyard::net {

class ServerMetrics {
 public:
  ServerMetrics();

  [[nodiscard]] prometheus::Gauge& connections(control::PeerKind kind);
  [[nodiscard]] prometheus::Counter& refused();
  [[nodiscard]] prometheus::Counter& malformed();
  [[nodiscard]] prometheus::Counter& received(std::string_view message);
  [[nodiscard]] prometheus::Counter& sent(std::string_view message);
  [[nodiscard]] prometheus::Counter& events(std::string_view kind);
  void journal(std::uint64_t size_bytes, std::uint64_t compactions, bool whole);
  [[nodiscard]] prometheus::Gauge& certificate_expires();  // unix time
  [[nodiscard]] prometheus::Counter& http_requests(std::string_view route, unsigned status);

  // Sets the gauges of the cluster from Controller::status_json(). What it does not say is not
  // shown.
  void update_cluster(const std::string& status_json);

  // Text format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Gauge>& connections_;
  prometheus::Family<prometheus::Counter>& refused_;
  prometheus::Family<prometheus::Counter>& malformed_;
  prometheus::Family<prometheus::Counter>& received_;
  prometheus::Family<prometheus::Counter>& sent_;
  prometheus::Family<prometheus::Counter>& events_;
  prometheus::Family<prometheus::Gauge>& journal_bytes_;
  prometheus::Family<prometheus::Gauge>& journal_whole_;
  prometheus::Family<prometheus::Counter>& journal_compactions_;
  prometheus::Family<prometheus::Gauge>& certificate_expires_;
  prometheus::Family<prometheus::Counter>& http_requests_;
  ClusterMetrics cluster_;
};

}  // namespace switchyard::net

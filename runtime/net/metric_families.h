// runtime/net/metric_families.h -- makes families of counters and gauges in a registry. Not the
// metrics themselves (server_metrics.h, cluster_metrics.h). Thread safety: as prometheus-cpp.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace switchyard::net {

[[nodiscard]] inline prometheus::Family<prometheus::Counter>& counter(
    prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

[[nodiscard]] inline prometheus::Family<prometheus::Gauge>& gauge(prometheus::Registry& registry,
                                                                  const char* name,
                                                                  const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace switchyard::net

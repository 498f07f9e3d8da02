// tests/unit/net/metrics_lint.h -- reads the text that /metrics answers with and says what in it is
// against the conventions of Prometheus. For tests only.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace switchyard::tests {

struct MetricFamily {
  std::string type;
  std::string help;
  std::set<std::string> labels;
  std::size_t series = 0;
};

// By name. What is malformed is left out; metric_problems() names it.
[[nodiscard]] std::map<std::string, MetricFamily> read_metrics(const std::string& text);

// HELP and TYPE once for each family and before its samples; names with the program's prefix, a
// base unit and `_total` on counters alone; no series twice; label values within `label_values_max`
// of each label.
[[nodiscard]] std::vector<std::string> metric_problems(const std::string& text,
                                                       std::size_t label_values_max);

// The table of docs/OPERATIONS.md: `| `name` | type | labels | meaning |`.
[[nodiscard]] std::map<std::string, MetricFamily> documented_metrics(const std::string& markdown);

}  // namespace switchyard::tests

// launcher/run_report.h -- the closing report of a run, for people and as JSON: speed, routing, the
// three savings, load per expert rank, traffic, conservation.
// Thread safety: pure functions.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "runtime/engine/cluster_report.h"
#include "runtime/engine/job.h"
#include "runtime/model/model_config.h"

namespace switchyard::launcher {

struct RunReport {
  std::string routing;  // canonical spec
  engine::JobResult result;
  engine::ClusterReport cluster;
};

// {"routing", "seconds", "prompt_tokens", "generated_tokens", "tokens_per_second", ..., "ranks":
// [..]}
[[nodiscard]] nlohmann::json report_json(const RunReport& report, const model::ModelConfig& model);
[[nodiscard]] std::string report_text(const RunReport& report, const model::ModelConfig& model);

// Law 2, after the report is out. Errors: kInternal with the counts where pairs were lost.
[[nodiscard]] Result<void> check_conserved(const engine::ClusterReport& report);

// The routing part alone: mean experts, histogram, savings, balance.
[[nodiscard]] nlohmann::json routing_json(const routing::RoutingStats& stats,
                                          const model::ModelConfig& model);

// An indented document. A path need not be UTF-8, which JSON is: other bytes become U+FFFD.
[[nodiscard]] std::string document_text(const nlohmann::json& document);

}  // namespace switchyard::launcher

#include "launcher/run_report.h"

#include <algorithm>
#include <numeric>

#include "launcher/load_report.h"
#include "launcher/mib.h"
#include "runtime/model/layout.h"

namespace switchyard::launcher {
namespace {

using nlohmann::json;

std::string_view role_name(bool router, bool expert, std::string_view none) {
  if (router) return expert ? "router+expert" : "router";
  return expert ? "expert" : none;
}

// Without a role at the end it waited as a spare, or had worked and was drained or scaled away.
std::string_view standing_of(const engine::RankReport& rank) {
  if (rank.router || rank.expert) return "member";
  const auto& counters = rank.counters;
  return counters.pairs_served > 0 || counters.pairs_dispatched > 0 ? "left" : "spare";
}

struct TokenCounts {
  std::uint64_t prompt = 0;
  std::uint64_t generated = 0;
};

TokenCounts count_tokens(const engine::JobResult& result) {
  TokenCounts counts;
  for (const auto& sequence : result.sequences) {
    counts.prompt += sequence.prompt_tokens;
    counts.generated += sequence.tokens.size();
  }
  return counts;
}

double per_second(double count, double seconds) { return seconds > 0 ? count / seconds : 0; }

json rank_json(const engine::RankReport& rank) {
  const auto& counters = rank.counters;
  return {{"rank", rank.rank.value()},
          {"standing", standing_of(rank)},
          {"host", rank.host},
          {"device", rank.device},
          {"router", rank.router},
          {"expert", rank.expert},
          {"experts_held", rank.experts_held},
          {"expert_bytes", rank.expert_bytes},
          {"router_bytes", rank.router_bytes},
          {"kv_bytes", rank.kv_bytes},
          {"weight_bytes_read", rank.weight_bytes_read},
          {"rss_peak_bytes", rank.rss_peak_bytes},
          {"pairs_dispatched", counters.pairs_dispatched},
          {"pairs_sent_away", counters.pairs_sent_away},
          {"pairs_answered", counters.pairs_answered},
          {"rows_dispatched", counters.rows_dispatched},
          {"exchanges", counters.exchanges},
          {"wait_seconds", static_cast<double>(counters.wait_ns) * 1e-9},
          {"pairs_served", counters.pairs_served},
          {"batches_served", counters.batches_served},
          {"dispatches_per_batch", per_second(static_cast<double>(counters.batch_jobs),
                                              static_cast<double>(counters.batches_served))},
          {"busy_seconds", static_cast<double>(counters.busy_ns) * 1e-9},
          {"exchanges_replayed", counters.exchanges_replayed},
          {"pairs_withdrawn", counters.pairs_withdrawn},
          {"pairs_masked", counters.pairs_masked},
          {"pairs_steered", counters.pairs_steered},
          {"pairs_ramped", counters.pairs_ramped},
          {"breakers_opened", counters.breakers_opened},
          {"restricted_rows_sent", counters.restricted_rows_sent},
          {"restricted_rows", engine::encode_restricted(counters.restricted_rows)},
          {"bytes_sent", counters.bytes_sent}};
}

// What it had reported; a second's work at most, and what an earlier controller heard, are missing.
json died_json(const engine::DiedRank& rank) {
  json rows = json::array();
  for (const auto& cell : rank.last.restricted_rows) {
    rows.push_back({{"origin", cell.origin}, {"region", cell.region}, {"rows", cell.rows}});
  }
  return {{"rank", rank.rank.value()},
          {"standing", "died"},
          {"life", rank.last.life.value()},
          {"router", rank.last.router},
          {"expert", rank.last.expert},
          {"tokens_at_least", rank.last.tokens},
          {"pairs_served_at_least", rank.last.pairs_served},
          {"busy_seconds_at_least", rank.last.serve_seconds},
          {"bytes_sent_at_least", rank.last.bytes_sent},
          {"restricted_rows_at_least", std::move(rows)}};
}

// A run of which no router has said goodbye has no statistics, not even a shape.
std::size_t layers_of(const routing::RoutingStats& stats, const model::ModelConfig& model) {
  return std::min(stats.shape().layers, model.moe_layer_count());
}

// Whether the job looked at its gates: a token's shares of the experts add up to 1, so the sums are
// zero only where no token was added.
bool gate_counted(const routing::RoutingStats& stats) {
  const auto& sums = stats.sums();
  return std::any_of(sums.begin(), sums.end(), [](double sum) { return sum != 0; });
}

// What was not measured has no key.
void add_gate_json(json& entry, const routing::RoutingStats& stats, std::size_t layer) {
  entry["routing_entropy"] = stats.routing_entropy(layer);
  entry["balance_loss"] = stats.balance_loss_switch(layer);
  if (stats.shape().scoring == routing::Scoring::kSoftmax) entry["z_loss"] = stats.z_loss(layer);
}

json balance_json(const routing::RoutingStats& stats, std::size_t layers) {
  const bool counted = gate_counted(stats);
  json list = json::array();
  for (std::size_t layer = 0; layer < layers; ++layer) {
    auto& entry = list.emplace_back(load_metrics_json(stats.load_metrics(layer)));
    entry["layer"] = layer;
    entry["mean_experts"] = stats.mean_k(layer);
    entry["k_autocorrelation"] = stats.k_autocorrelation(layer);
    if (counted) add_gate_json(entry, stats, layer);
  }
  return list;
}

std::string histogram_text(const routing::RoutingStats& stats) {
  const auto histogram = stats.k_histogram();
  const double total = static_cast<double>(std::max<std::uint64_t>(1, stats.decision_count()));
  std::string text;
  for (std::size_t k = 0; k < histogram.size(); ++k) {
    if (histogram[k] == 0) continue;
    text += fmt::format("  {}: {:.1f} %", k, 100.0 * static_cast<double>(histogram[k]) / total);
  }
  return text;
}

std::string gate_text(const routing::RoutingStats& stats, std::size_t layers) {
  if (!gate_counted(stats) || layers == 0) return {};
  double balance = 0;
  double z = 0;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    balance += stats.balance_loss_switch(layer);
    z += stats.z_loss(layer);
  }
  const auto n = static_cast<double>(layers);
  // The z loss is one of softmax gates.
  const bool softmax = stats.shape().scoring == routing::Scoring::kSoftmax;
  return fmt::format(
      "gate          routing entropy {:.3f}; auxiliary losses: load balancing {:.4f} (1 is even)"
      "{}\n",
      stats.routing_entropy(), balance / n, softmax ? fmt::format(", z {:.4f}", z / n) : "");
}

// Nothing where no request was under a rule.
std::string residency_text(const engine::ClusterReport& cluster) {
  const auto cells = cluster.restricted_rows().cells();
  if (cells.empty()) return {};
  std::string text = fmt::format("residency     rows under a rule, by origin and region{}:",
                                 cluster.at_least() ? ", at least" : "");
  for (const auto& cell : cells) {
    text += fmt::format("{} {} -> {} {}", cell == cells.front() ? "" : ",", cell.origin,
                        cell.region.empty() ? "(no region)" : cell.region, cell.rows);
  }
  return text + "\n";
}

// Nothing where all ranks are on one host.
std::string hosts_text(const engine::ClusterReport& cluster) {
  const auto elsewhere = [&](const engine::RankReport& rank) {
    return rank.host != cluster.ranks.front().host;
  };
  if (std::ranges::none_of(cluster.ranks, elsewhere)) return {};
  return fmt::format(", {:.1f} % on other hosts", 100 * cross_host_share(cluster));
}

std::string ranks_text(const engine::ClusterReport& cluster) {
  std::uint64_t all = 0;
  for (const auto& [rank, pairs] : cluster.pairs_by_slot()) all += pairs;
  const auto served = static_cast<double>(std::max<std::uint64_t>(1, all));
  std::string text;
  for (const auto& rank : cluster.ranks) {
    text += fmt::format("  rank {:<3} {:<14} ", rank.rank.value(),
                        role_name(rank.router, rank.expert, standing_of(rank)));
    if (rank.expert || rank.counters.pairs_served > 0) {
      text +=
          fmt::format("{:>5} experts, {:>5.1f} % of the pairs, busy {:.2f} s; ", rank.experts_held,
                      100.0 * static_cast<double>(rank.counters.pairs_served) / served,
                      static_cast<double>(rank.counters.busy_ns) * 1e-9);
    }
    text += fmt::format("{:.1f} MiB sent, peak memory {:.0f} MiB\n",
                        mib(std::accumulate(rank.counters.bytes_sent.begin(),
                                            rank.counters.bytes_sent.end(), std::uint64_t{0})),
                        mib(rank.rss_peak_bytes));
  }
  for (const auto& rank : cluster.died) {
    text += fmt::format("  rank {:<3} {:<14} ", rank.rank.value(), "died");
    if (rank.last.router || rank.last.expert) {
      text += fmt::format("as {}; ", role_name(rank.last.router, rank.last.expert, ""));
    }
    text += fmt::format("at least {:.1f} % of the pairs, {:.1f} MiB sent, {} tokens read\n",
                        100.0 * static_cast<double>(rank.last.pairs_served) / served,
                        mib(rank.last.bytes_sent), rank.last.tokens);
  }
  return text;
}

}  // namespace

json routing_json(const routing::RoutingStats& stats, const model::ModelConfig& model) {
  // Of no decision nothing is saved: what was not computed was not spared.
  const bool any = stats.decision_count() > 0;
  const auto savings = any ? model::compute_savings(model, stats.mean_k()) : model::Savings{};
  json histogram = json::object();
  const auto counts = stats.k_histogram();
  for (std::size_t k = 0; k < counts.size(); ++k) {
    if (counts[k] != 0) histogram[std::to_string(k)] = counts[k];
  }
  return {{"mean_experts", stats.mean_k()},
          {"k_histogram", histogram},
          {"saved_vs_dense", savings.vs_dense},
          {"saved_vs_static", savings.vs_static},
          {"saved_total", savings.total}};
}

Result<void> check_conserved(const engine::ClusterReport& report) {
  if (report.conserved()) return {};
  return fail(ErrorCode::kInternal, "pairs were lost: {} dispatched, {} served, {} answered",
              report.pairs_dispatched(), report.pairs_served(), report.pairs_answered());
}

std::string document_text(const json& document) {
  return document.dump(2, ' ', false, json::error_handler_t::replace);
}

json report_json(const RunReport& report, const model::ModelConfig& model) {
  const auto tokens = count_tokens(report.result);
  const auto& times = report.result.times;
  json document = {
      {"routing", report.routing},
      {"seconds", report.result.seconds},
      {"prompt_tokens", tokens.prompt},
      {"generated_tokens", tokens.generated},
      {"tokens_per_second",
       per_second(static_cast<double>(tokens.generated), report.result.seconds)},
      {"prompt_tokens_per_second",
       per_second(static_cast<double>(times.prompt_tokens), times.prompt_seconds)},
      {"decode_tokens_per_second",
       per_second(static_cast<double>(times.decode_tokens), times.decode_seconds)},
      {"sigma_k", report.result.stats.sigma_k()},
      {"k_autocorrelation", report.result.stats.k_autocorrelation()},
      {"fallbacks", report.result.stats.fallback_counts()},
      {"layers", balance_json(report.result.stats, layers_of(report.result.stats, model))},
      {"load",
       load_json(report.result.stats, layers_of(report.result.stats, model), report.cluster)},
      {"pairs_dispatched", report.cluster.pairs_dispatched()},
      {"pairs_served", report.cluster.pairs_served()},
      {"pairs_answered", report.cluster.pairs_answered()},
      {"conserved", report.cluster.conserved()},
      {"bytes_sent", report.cluster.bytes_sent()},
      {"at_least", report.cluster.at_least()},
      {"died", json::array()},
      {"restricted_rows", engine::encode_restricted(report.cluster.restricted_rows())},
      {"ranks", json::array()}};
  if (gate_counted(report.result.stats)) {
    document["routing_entropy"] = report.result.stats.routing_entropy();
  }
  document.update(routing_json(report.result.stats, model));
  for (const auto& rank : report.cluster.died) document["died"].push_back(died_json(rank));
  for (const auto& rank : report.cluster.ranks) {
    auto& entry = document["ranks"].emplace_back(rank_json(rank));
    if (!rank.timeline) continue;
    entry["trace_spans"] = rank.timeline->spans.size();
    entry["trace_spans_dropped"] = rank.timeline->dropped;
  }
  return document;
}

std::string report_text(const RunReport& report, const model::ModelConfig& model) {
  const auto tokens = count_tokens(report.result);
  const auto& times = report.result.times;
  const auto& stats = report.result.stats;
  const auto savings = model::compute_savings(model, stats.mean_k());
  std::string text = "--\n";
  text += fmt::format("tokens        {} prompt, {} generated in {:.2f} s", tokens.prompt,
                      tokens.generated, report.result.seconds);
  if (times.prompt_seconds > 0) {
    text += fmt::format("; prompt {:.0f} tokens/s",
                        static_cast<double>(times.prompt_tokens) / times.prompt_seconds);
  }
  if (times.decode_seconds > 0) {
    text += fmt::format("; decode {:.1f} tokens/s",
                        static_cast<double>(times.decode_tokens) / times.decode_seconds);
  }
  if (stats.decision_count() == 0) {
    text += fmt::format("\nrouting       {}: no token was computed\n", report.routing);
  } else {
    text += fmt::format(
        "\nrouting       {}: {:.3f} experts per token on average (of {}; the checkpoint's own: "
        "{})\n"
        "k histogram {}\n"
        "saved         {:.1f} % of the expert work against dense, {:.1f} % against static k={}, "
        "{:.1f} % of all work\n",
        report.routing, stats.mean_k(), model.experts, model.experts_per_token,
        histogram_text(stats), 100 * savings.vs_dense, 100 * savings.vs_static,
        model.experts_per_token, 100 * savings.total);
  }
  const std::size_t layers = layers_of(stats, model);
  text += gate_text(stats, layers);
  text += load_text(stats, layers, report.cluster);
  text += fmt::format(
      "exchange      {} pairs dispatched, {} answered ({}), {:.1f} % by other ranks{}; {}{:.2f} "
      "MiB between ranks\n{}",
      report.cluster.pairs_dispatched(), report.cluster.pairs_answered(),
      report.cluster.conserved() ? "all conserved" : "NOT CONSERVED",
      100 * cross_rank_share(report.cluster), hosts_text(report.cluster),
      report.cluster.at_least() ? "at least " : "", mib(report.cluster.bytes_sent()),
      ranks_text(report.cluster));
  text += residency_text(report.cluster);
  return text;
}

}  // namespace switchyard::launcher

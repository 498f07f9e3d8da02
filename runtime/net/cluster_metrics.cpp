#include "runtime/net/cluster_metrics.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/net/metric_families.h"

namespace switchyard::net {
namespace {

using nlohmann::json;
using prometheus::Labels;

const json& part(const json& document, const char* key) {
  static const json kNothing;
  if (!document.is_object()) return kNothing;
  const auto found = document.find(key);
  return found == document.end() ? kNothing : *found;
}

void set(prometheus::Family<prometheus::Gauge>& family, const Labels& labels, const json& document,
         const char* key) {
  const json& value = part(document, key);
  if (value.is_number()) family.Add(labels).Set(value.get<double>());
}

// A counter follows a sum that somebody else keeps. Where the sum is lower than what was shown, its
// keeper has started anew: this counter then waits for it, because it may not go back.
void follow(prometheus::Family<prometheus::Counter>& family, const Labels& labels,
            const json& document, const char* key) {
  const json& value = part(document, key);
  if (!value.is_number()) return;
  auto& counter = family.Add(labels);
  counter.Increment(std::max(0.0, value.get<double>() - counter.Value()));
}

std::string word(const json& document, const char* key) {
  const json& value = part(document, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

Labels ends(const json& entry, const char* from, const char* to) {
  return {{"rank", part(entry, from).dump()}, {"peer", part(entry, to).dump()}};
}

}  // namespace

ClusterMetrics::ClusterMetrics(prometheus::Registry& registry)
    : epoch_(gauge(registry, "switchyard_view_epoch", "Number of the current view")),
      members_(gauge(registry, "switchyard_view_members", "Ranks in the current view by role")),
      masked_(gauge(registry, "switchyard_experts_masked", "Experts that are on no rank")),
      under_replicated_(gauge(registry, "switchyard_experts_under_replicated",
                              "Experts with fewer copies than are wanted")),
      change_(gauge(registry, "switchyard_view_change_in_progress",
                    "1 while another view is being prepared")),
      requests_(gauge(registry, "switchyard_requests", "Requests by state")),
      submitted_(counter(registry, "switchyard_requests_submitted_total",
                         "Requests that clients have submitted")),
      retries_(counter(registry, "switchyard_request_retries_total",
                       "Tries of requests that the retry budget has paid for")),
      retry_tokens_(gauge(registry, "switchyard_retry_budget_tokens",
                          "Tries that the retry budget could pay for now")),
      breakers_(gauge(registry, "switchyard_breaker_state",
                      "Of a router's breaker for a peer: 0 closed, 1 probing, 2 open; one that "
                      "never opened is not shown")),
      ranks_(gauge(registry, "switchyard_ranks", "Slots of the cluster by health of their rank")),
      healthy_(gauge(registry, "switchyard_rank_healthy", "1 where nothing is wrong with a rank")),
      heartbeat_age_(gauge(registry, "switchyard_rank_heartbeat_age_seconds",
                           "Time since the rank's last heartbeat")),
      busy_(gauge(registry, "switchyard_rank_busy_ratio", "Share of time spent computing")),
      cpu_(gauge(registry, "switchyard_rank_cpu_cores", "Processor cores in use by the rank")),
      queue_delay_(gauge(registry, "switchyard_rank_queue_delay_p95_seconds",
                         "Time from a dispatch's arrival to its batch, 95th percentile")),
      step_(gauge(registry, "switchyard_rank_step_median_seconds",
                  "Time of a router's step, median")),
      memory_(gauge(registry, "switchyard_rank_resident_memory_bytes",
                    "Resident memory of the rank's process")),
      open_(gauge(registry, "switchyard_rank_open_requests", "Requests assigned to the rank")),
      rate_(gauge(registry, "switchyard_rank_tokens_per_second",
                  "Prompt and generated tokens per second of the newest report")),
      tokens_(counter(registry, "switchyard_rank_tokens_total",
                      "Prompt and generated tokens of the rank")),
      pairs_(counter(registry, "switchyard_rank_expert_pairs_total",
                     "Pairs of token and expert that the rank has served")),
      link_bytes_(counter(registry, "switchyard_link_sent_bytes_total",
                          "Bytes of rows and answers sent by rank to peer")),
      waits_(counter(registry, "switchyard_link_wait_seconds_total",
                     "Time that the rank waited while the peer owed it an answer")),
      restricted_(counter(registry, "switchyard_restricted_rows_total",
                          "Rows of requests under a residency rule sent to ranks of a region")),
      imbalance_(
          gauge(registry, "switchyard_expert_load_imbalance_ratio",
                "Busiest expert over its layer's mean, worst layer, over the loads of late")),
      current_(gauge(registry, "switchyard_expert_ranks_current", "Expert ranks in the view")),
      desired_(gauge(registry, "switchyard_expert_ranks_desired",
                     "Expert ranks that the autoscaler wants, or that were asked for")),
      in_flight_(gauge(registry, "switchyard_autoscaler_action_in_progress",
                       "1 while a scaling action is under way")),
      part_age_(gauge(registry, "switchyard_controller_age_seconds",
                      "Time since a part of the controller last ran; one that is off has none")),
      balancer_imbalance_(
          gauge(registry, "switchyard_balancer_imbalance_ratio",
                "Slowest expert ranks over even ones, by the balancer's last look")),
      copies_left_(gauge(registry, "switchyard_rebalance_copies_left",
                         "Copies that the rebalance under way has still to load")) {}

void ClusterMetrics::update(const json& status) {
  update_view(status);
  update_requests(status);
  update_scaling(status);
  update_parts(part(status, "parts"));
  update_loads(status);
  update_ranks(status);
  update_links(status);
  update_breakers(status);
}

void ClusterMetrics::update_view(const json& status) {
  const json& view = part(status, "view");
  set(epoch_, {}, view, "epoch");
  set(masked_, {}, view, "experts_masked");
  set(under_replicated_, {}, view, "experts_under_replicated");
  change_.Add({}).Set(part(status, "transaction").is_object() ? 1 : 0);
  const json& members = part(view, "members");
  if (!members.is_array()) return;
  for (const char* role : {"router", "expert"}) {
    const auto count = std::count_if(members.begin(), members.end(), [role](const json& member) {
      return part(member, role) == true;
    });
    members_.Add({{"role", role}}).Set(static_cast<double>(count));
  }
}

void ClusterMetrics::update_requests(const json& status) {
  const json& requests = part(status, "requests");
  for (const char* state : {"open", "waiting", "retrying", "done"}) {
    set(requests_, {{"state", state}}, requests, state);
  }
  follow(submitted_, {}, requests, "submitted");
  follow(retries_, {}, requests, "retries");
  set(retry_tokens_, {}, requests, "retry_tokens");
}

void ClusterMetrics::update_scaling(const json& status) {
  const json& scaling = part(status, "scaling");
  set(current_, {}, scaling, "current_experts");
  set(desired_, {}, scaling,
      part(scaling, "desired_experts").is_number() ? "desired_experts" : "target_experts");
  const json& parts = part(status, "parts");
  in_flight_.Add({}).Set(part(part(parts, "autoscaler"), "action_in_flight") == true ? 1 : 0);
}

void ClusterMetrics::update_parts(const json& parts) {
  for (const char* name : {"detector", "balancer", "autoscaler"}) {
    set(part_age_, {{"part", name}}, part(parts, name), "last_run_age_s");
  }
  const json& balancer = part(parts, "balancer");
  set(balancer_imbalance_, {{"placement", "now"}}, balancer, "imbalance");
  set(balancer_imbalance_, {{"placement", "planned"}}, balancer, "imbalance_planned");
  set(balancer_imbalance_, {{"placement", "uniform_routing"}}, balancer, "imbalance_floor");
  set(copies_left_, {}, balancer, "copies_left");
}

void ClusterMetrics::update_loads(const json& status) {
  // Where nothing was routed of late nothing is known: no old value stays.
  const json& late = part(part(status, "loads"), "imbalance_of_late");
  auto& worst = imbalance_.Add({});
  if (late.is_number()) return worst.Set(late.get<double>());
  imbalance_.Remove(&worst);
}

void ClusterMetrics::update_breakers(const json& status) {
  for (const json& breaker : part(status, "breakers")) {
    const std::string state = word(breaker, "state");
    breakers_.Add(ends(breaker, "rank", "peer"))
        .Set(state == "open"      ? 2
             : state == "probing" ? 1
                                  : 0);
  }
}

void ClusterMetrics::update_ranks(const json& status) {
  constexpr std::array kLevels{"healthy", "starting", "unknown", "degraded", "suspect", "dead"};
  const json& ranks = part(status, "ranks");
  if (!ranks.is_array()) return;
  for (const char* level : kLevels) {
    const auto count = std::count_if(ranks.begin(), ranks.end(), [level](const json& rank) {
      return word(rank, "health") == level;
    });
    ranks_.Add({{"health", level}}).Set(static_cast<double>(count));
  }
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const json& rank = ranks[i];
    const Labels labels{{"rank", std::to_string(i)}};
    healthy_.Add(labels).Set(word(rank, "health") == "healthy" ? 1 : 0);
    set(heartbeat_age_, labels, rank, "heartbeat_age_s");
    set(busy_, labels, rank, "busy_share");
    set(cpu_, labels, rank, "cpu_cores");
    set(queue_delay_, labels, rank, "queue_delay_s_p95");
    set(step_, labels, rank, "step_s_p50");
    set(memory_, labels, rank, "rss_bytes");
    set(open_, labels, rank, "open_requests");
    set(rate_, labels, rank, "tokens_per_s");
    follow(tokens_, labels, rank, "tokens_total");
    follow(pairs_, labels, rank, "pairs_served_total");
  }
}

void ClusterMetrics::update_links(const json& status) {
  for (const json& link : part(status, "links")) {
    follow(link_bytes_, ends(link, "from", "to"), link, "bytes_total");
  }
  for (const json& sent : part(status, "restricted_rows")) {
    follow(restricted_, {{"origin", word(sent, "origin")}, {"region", word(sent, "region")}}, sent,
           "rows_total");
  }
  for (const json& wait : part(status, "wait_matrix")) {
    follow(waits_, ends(wait, "rank", "peer"), wait, "wait_s_total");
  }
}

}  // namespace switchyard::net

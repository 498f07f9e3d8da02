// The cluster's state as JSON: for status, /v1/cluster and people.
#include <nlohmann/json.hpp>
#include <numeric>

#include "runtime/control/controller/state.h"

namespace switchyard::control {
namespace {

using nlohmann::json;

// Copies that the rank holds, of all layers.
std::size_t copies_of(const placement::Placement& placement, RankId rank) {
  std::size_t copies = 0;
  for (std::size_t l = 0; l < placement.layers(); ++l) {
    copies += placement.experts_of(l, rank).size();
  }
  return copies;
}

json view_json(const placement::View& view) {
  json members = json::array();
  for (const auto& member : view.members) {
    members.push_back({{"rank", member.rank.value()},
                       {"router", member.router},
                       {"expert", member.expert},
                       {"host", member.host},
                       {"region", member.region},
                       {"zone", member.zone},
                       {"experts_held", copies_of(view.placement, member.rank)}});
  }
  return {{"epoch", view.epoch.value()},
          {"layers", view.placement.layers()},
          {"experts", view.placement.experts()},
          {"experts_masked", view.placement.masked_count()},
          {"members", std::move(members)}};
}

// How a part of the controller itself is: what it did last, how long ago, why.
json balancer_json(const Balancer& balancer, const std::optional<Rebalance>& moving, bool wanted,
                   const MoveNote& last_move, std::uint64_t pairs, TimePoint now) {
  json out = {{"mode", to_string(balancer.config().mode)},
              {"wanted", wanted},
              {"pairs_in_window", pairs},
              {"copies_moving", moving ? moving->batches.loads() : 0},
              {"copies_left", moving ? moving->batches.loads() - moving->batches.loads_done() : 0},
              {"load_bytes_per_second", balancer.load_bytes_per_second()},
              {"last_run_age_s", nullptr},
              {"last_reason", nullptr},
              {"last_move", nullptr}};
  if (last_move.state != MoveState::kNone) {
    out["last_move"] = {{"state", to_string(last_move.state)},
                        {"for", to_string(last_move.moves_for)},
                        {"text", last_move.text}};
  }
  if (const auto& last = balancer.last()) {
    out["last_run_age_s"] = to_seconds(now - last->at);
    out["last_reason"] = last->reason;
    out["last_text"] = last->text();
    out["imbalance"] = last->imbalance_now;
    out["imbalance_planned"] = last->imbalance_plan;
    out["imbalance_floor"] = last->imbalance_floor;
  }
  return out;
}

json autoscaler_json(ScalingMode mode, const std::optional<Autoscaler>& autoscaler,
                     const std::optional<ScalingNote>& last, TimePoint now) {
  return {{"mode", to_string(mode)},
          {"action_in_flight", autoscaler && autoscaler->action_in_flight()},
          {"last_run_age_s", last ? json(to_seconds(now - last->at)) : json()},
          {"last_reason", last ? json(last->text) : json()}};
}

json breakers_json(const std::map<std::pair<RankId, RankId>, std::string>& breakers) {
  json out = json::array();
  for (const auto& [ends, said] : breakers) {
    const char* state = said == "breaker_opened"    ? "open"
                        : said == "breaker_probing" ? "probing"
                                                    : "closed";
    out.push_back({{"rank", ends.first.value()}, {"peer", ends.second.value()}, {"state", state}});
  }
  return out;
}

json reasons_json(const HealthVerdict& health) {
  json out = json::array();
  for (const Reason& reason : health.reasons) {
    out.push_back({{"factor", to_string(reason.factor)},
                   {"level", to_string(reason.level)},
                   {"text", reason.text}});
  }
  return out;
}

std::string_view word(RunPhase phase, bool started, bool whole) {
  if (phase == RunPhase::kLeaving) return "leaving";
  if (phase == RunPhase::kStopped) return "stopped";
  if (!started) return "starting";
  return whole ? "serving" : "recovering";
}

}  // namespace

json Controller::State::rank_status(RankId rank) const {
  const Slot& slot = members.at(rank);
  const HealthVerdict health = judge(rank);
  return {
      {"rank", rank.value()},
      {"state", to_string(slot.state)},
      {"kind", to_string(slot.kind)},
      {"life", slot.incarnation.value()},
      {"awaited", slot.awaited_until.has_value()},
      {"spawn", slot.spawn},
      {"pid", slot.pid},
      {"host", slot.host},
      {"region", slot.region},
      {"zone", slot.zone},
      {"phase", to_string(slot.phase)},
      {"member", member(rank)},
      {"cordoned", slot.cordoned},
      {"drain_left_s", drains.contains(rank) ? json(to_seconds(drains.at(rank) - now)) : json()},
      {"epoch", slot.epoch.value()},
      {"adopted", slot.adopted.value()},
      {"health", to_string(health.level)},
      {"health_text", health.text()},
      {"health_reasons", reasons_json(health)},
      {"heartbeat_age_s", slot.phi ? json(to_seconds(slot.phi->silence(now))) : json(nullptr)},
      {"steps", slot.heartbeat.steps},
      {"open_requests", ledger.open_count(rank)},
      {"busy_share", slot.load.busy_share},
      {"cpu_cores", slot.load.cpu_share},
      {"queue_delay_s_p95", 1e-6 * slot.load.queue_delay_us_p95},
      {"step_s_p50", 1e-6 * slot.load.step_us_p50},
      {"step_s_p95", 1e-6 * slot.load.step_us_p95},
      {"cpu_busy_share", slot.load.cpu_busy_share},
      {"memory_share", slot.load.memory_share},
      {"load_age_s", slot.load_at ? json(to_seconds(now - *slot.load_at)) : json(nullptr)},
      {"tokens_total", totals.rank(rank).tokens},
      {"pairs_served_total", totals.rank(rank).pairs},
      {"tokens_per_s",
       slot.load.seconds > 0 ? static_cast<double>(slot.load.tokens) / slot.load.seconds : 0.0},
      {"rss_bytes", slot.load.rss_bytes}};
}

std::string Controller::State::status() const {
  json ranks = json::array();
  for (std::uint32_t r = 0; r < members.size(); ++r) ranks.push_back(rank_status(RankId(r)));
  const bool whole = view && dead_members(seats).empty();
  const auto loads = window.loads(now);
  const auto pairs = std::accumulate(loads.begin(), loads.end(), std::uint64_t{0});
  json out = {
      {"cluster",
       {{"phase", word(phase, view != nullptr, whole)},
        {"slots", members.size()},
        {"target_experts", target_experts},
        {"target_routers", target_routers},
        {"target_replicas", target_replicas},
        {"waiting_for", waiting_for},
        {"unserved", unserved()},
        {"events", outbox.event_count()}}},
      {"view", view ? view_json(*view) : json(nullptr)},
      {"retired_epoch", retired.value()},
      {"transaction", nullptr},
      {"ranks", std::move(ranks)},
      {"requests",
       {{"submitted", ledger.submitted()},
        {"open", ledger.open_count()},
        {"waiting", ledger.waiting().size()},
        {"retrying", ledger.waiting().owing_count()},
        {"retries", retries ? retries->granted() : 0},
        {"retry_tokens", retries ? json(retries->tokens(now)) : json()},
        {"done", ledger.done().size()}}},
      {"parts",
       {{"detector", {{"last_run_age_s", last_tick ? json(to_seconds(now - *last_tick)) : json()}}},
        {"balancer",
         balancer_json(balancer, rebalance_under_way, rebalance_wanted, last_move, pairs, now)},
        {"journal", {{"trouble", journal_trouble}}},
        {"autoscaler", autoscaler_json(options.scaling.mode, autoscaler, scaled_last, now)}}}};

  if (view) out["view"]["experts_under_replicated"] = under_replicated();
  if (transaction) {
    json waiting = json::array();
    for (const RankId rank : transaction->waiting) waiting.push_back(rank.value());
    out["transaction"] = {{"epoch", transaction->view->epoch.value()},
                          {"cause", transaction->cause},
                          {"seconds_left", to_seconds(transaction->deadline() - now)},
                          {"waiting", std::move(waiting)}};
  }
  if (model) {
    out["loads"] = totals.experts_json(model->moe_layers, model->experts);
    const auto late = worst_imbalance(loads, model->moe_layers);
    out["loads"]["imbalance_of_late"] = late ? json(*late) : json();
  }
  out["breakers"] = breakers_json(breakers);
  out["links"] = totals.links_json();
  out["restricted_rows"] = totals.restricted_json();
  out["wait_matrix"] = totals.waits_json();
  out["scaling"] = scaling_json();
  out["events"] = outbox.recent_json(now);
  // Foreign text has been checked (codec/byte_reader.h); the operator's own may be anything.
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace switchyard::control

#include "runtime/engine/cluster_report.h"

#include <sys/resource.h>

#include <numeric>

namespace switchyard::engine {
namespace {

template <class Field>
std::uint64_t sum(const std::vector<RankReport>& ranks, Field field) {
  return std::accumulate(ranks.begin(), ranks.end(), std::uint64_t{0},
                         [field](std::uint64_t total, const RankReport& rank) {
                           return total + field(rank.counters);
                         });
}

}  // namespace

std::uint64_t ClusterReport::pairs_dispatched() const {
  return sum(ranks, [](const auto& counters) { return counters.pairs_dispatched; });
}

std::uint64_t ClusterReport::pairs_sent_away() const {
  return sum(ranks, [](const auto& counters) { return counters.pairs_sent_away; });
}

std::uint64_t ClusterReport::pairs_served() const {
  return sum(ranks, [](const auto& counters) { return counters.pairs_served; });
}

std::uint64_t ClusterReport::pairs_answered() const {
  return sum(ranks, [](const auto& counters) { return counters.pairs_answered; });
}

std::uint64_t ClusterReport::pairs_withdrawn() const {
  return sum(ranks, [](const auto& counters) { return counters.pairs_withdrawn; });
}

std::uint64_t ClusterReport::bytes_sent() const {
  const auto lived = sum(ranks, [](const auto& counters) {
    return std::accumulate(counters.bytes_sent.begin(), counters.bytes_sent.end(),
                           std::uint64_t{0});
  });
  return std::accumulate(
      died.begin(), died.end(), lived,
      [](std::uint64_t total, const DiedRank& rank) { return total + rank.last.bytes_sent; });
}

std::map<RankId, std::uint64_t> ClusterReport::pairs_by_slot() const {
  std::map<RankId, std::uint64_t> out;
  const auto add = [&](RankId rank, bool expert, std::uint64_t pairs) {
    if (expert || pairs > 0) out[rank] += pairs;
  };
  for (const auto& rank : ranks) add(rank.rank, rank.expert, rank.counters.pairs_served);
  for (const auto& rank : died) add(rank.rank, rank.last.expert, rank.last.pairs_served);
  return out;
}

moe::RestrictedRows ClusterReport::restricted_rows() const {
  moe::RestrictedRows sum;
  for (const auto& rank : ranks) {
    for (const auto& cell : rank.counters.restricted_rows.cells()) sum.add(cell);
  }
  for (const auto& rank : died) {
    for (const auto& cell : rank.last.restricted_rows) {
      sum.add({cell.origin, cell.region, cell.rows});
    }
  }
  return sum;
}

nlohmann::json encode_restricted(const moe::RestrictedRows& rows) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& cell : rows.cells()) {
    list.push_back({{"origin", cell.origin}, {"region", cell.region}, {"rows", cell.rows}});
  }
  return list;
}

bool ClusterReport::conserved() const {
  const auto received = sum(ranks, [](const auto& counters) { return counters.pairs_received; });
  const auto superseded =
      sum(ranks, [](const auto& counters) { return counters.pairs_superseded; });
  if (pairs_dispatched() != pairs_answered() + pairs_withdrawn()) return false;
  if (received != pairs_served() + superseded) return false;
  // What dead ranks received and served nobody counts any more.
  return ranks_lost > 0 || pairs_withdrawn() > 0 ||
         (pairs_dispatched() == received && pairs_served() == pairs_answered());
}

nlohmann::json encode_rank_report(const RankReport& report) {
  const auto& counters = report.counters;
  nlohmann::json body = {{"kind", "bye"},
                         {"rank", report.rank.value()},
                         {"host", report.host},
                         {"device", report.device},
                         {"router", report.router},
                         {"expert", report.expert},
                         {"experts_held", report.experts_held},
                         {"expert_bytes", report.expert_bytes},
                         {"router_bytes", report.router_bytes},
                         {"kv_bytes", report.kv_bytes},
                         {"weight_bytes_read", report.weight_bytes_read},
                         {"rss_peak_bytes", report.rss_peak_bytes},
                         {"pairs_dispatched", counters.pairs_dispatched},
                         {"pairs_sent_away", counters.pairs_sent_away},
                         {"pairs_answered", counters.pairs_answered},
                         {"rows_dispatched", counters.rows_dispatched},
                         {"exchanges", counters.exchanges},
                         {"wait_ns", counters.wait_ns},
                         {"pairs_withdrawn", counters.pairs_withdrawn},
                         {"pairs_masked", counters.pairs_masked},
                         {"exchanges_replayed", counters.exchanges_replayed},
                         {"answers_late", counters.answers_late},
                         {"pairs_steered", counters.pairs_steered},
                         {"pairs_ramped", counters.pairs_ramped},
                         {"breakers_opened", counters.breakers_opened},
                         {"pairs_received", counters.pairs_received},
                         {"pairs_superseded", counters.pairs_superseded},
                         {"pairs_served", counters.pairs_served},
                         {"batches_served", counters.batches_served},
                         {"batch_jobs", counters.batch_jobs},
                         {"busy_ns", counters.busy_ns},
                         {"bytes_sent", counters.bytes_sent},
                         {"messages_sent", counters.messages_sent},
                         {"pairs_sent", counters.pairs_sent},
                         {"restricted_rows_sent", counters.restricted_rows_sent},
                         {"restricted_rows", encode_restricted(counters.restricted_rows)}};
  if (report.timeline) body["timeline"] = encode_timeline(*report.timeline);
  return body;
}

Result<RankReport> decode_rank_report(const nlohmann::json& body) {
  try {
    RankReport report;
    report.rank = RankId(body.at("rank").get<std::uint32_t>());
    body.at("host").get_to(report.host);
    body.at("device").get_to(report.device);
    body.at("router").get_to(report.router);
    body.at("expert").get_to(report.expert);
    body.at("experts_held").get_to(report.experts_held);
    body.at("expert_bytes").get_to(report.expert_bytes);
    body.at("router_bytes").get_to(report.router_bytes);
    body.at("kv_bytes").get_to(report.kv_bytes);
    body.at("weight_bytes_read").get_to(report.weight_bytes_read);
    body.at("rss_peak_bytes").get_to(report.rss_peak_bytes);
    auto& counters = report.counters;
    body.at("pairs_dispatched").get_to(counters.pairs_dispatched);
    body.at("pairs_sent_away").get_to(counters.pairs_sent_away);
    body.at("pairs_answered").get_to(counters.pairs_answered);
    body.at("rows_dispatched").get_to(counters.rows_dispatched);
    body.at("exchanges").get_to(counters.exchanges);
    body.at("wait_ns").get_to(counters.wait_ns);
    body.at("pairs_withdrawn").get_to(counters.pairs_withdrawn);
    body.at("pairs_masked").get_to(counters.pairs_masked);
    body.at("exchanges_replayed").get_to(counters.exchanges_replayed);
    body.at("answers_late").get_to(counters.answers_late);
    body.at("pairs_steered").get_to(counters.pairs_steered);
    body.at("pairs_ramped").get_to(counters.pairs_ramped);
    body.at("breakers_opened").get_to(counters.breakers_opened);
    body.at("pairs_received").get_to(counters.pairs_received);
    body.at("pairs_superseded").get_to(counters.pairs_superseded);
    body.at("pairs_served").get_to(counters.pairs_served);
    body.at("batches_served").get_to(counters.batches_served);
    body.at("batch_jobs").get_to(counters.batch_jobs);
    body.at("busy_ns").get_to(counters.busy_ns);
    body.at("bytes_sent").get_to(counters.bytes_sent);
    body.at("messages_sent").get_to(counters.messages_sent);
    body.at("pairs_sent").get_to(counters.pairs_sent);
    body.at("restricted_rows_sent").get_to(counters.restricted_rows_sent);
    for (const auto& cell : body.at("restricted_rows")) {
      counters.restricted_rows.add({cell.at("origin").get<std::string>(),
                                    cell.at("region").get<std::string>(),
                                    cell.at("rows").get<std::uint64_t>()});
    }
    if (body.contains("timeline")) {
      SY_ASSIGN(report.timeline, decode_timeline(body.at("timeline")));
    }
    return report;
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "malformed rank report: {}", error.what());
  }
}

std::uint64_t rss_peak_bytes() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024U;
}

}  // namespace switchyard::engine

#include "runtime/control/load_totals.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "runtime/base/load_metrics.h"

namespace switchyard::control {
namespace {

using nlohmann::json;

std::uint64_t at(const std::vector<std::uint64_t>& list, std::size_t i) {
  return i < list.size() ? list[i] : 0;
}

double imbalance_of(std::span<const std::uint64_t> pairs) {
  const std::vector<double> loads(pairs.begin(), pairs.end());
  return loads.empty() ? 1 : measure_loads(loads).max_over_mean;
}

}  // namespace

void LoadTotals::add(RankId from, const LoadReport& report) {
  // What is not in the newest report has no rate any more.
  for (auto link = links_.lower_bound({from, RankId(0)});
       link != links_.end() && link->first.first == from; ++link) {
    link->second.bytes_per_second = 0;
    link->second.wait_share = 0;
  }
  const std::size_t peers = std::max(report.bytes_by_peer.size(), report.wait_us_by_peer.size());
  for (std::uint32_t peer = 0; peer < peers; ++peer) {
    const std::uint64_t bytes = at(report.bytes_by_peer, peer);
    const std::uint64_t wait_us = at(report.wait_us_by_peer, peer);
    if (bytes == 0 && wait_us == 0) continue;
    Link& link = links_[{from, RankId(peer)}];
    link.bytes += bytes;
    link.wait_us += wait_us;
    if (peer < report.round_trip_us_by_peer.size()) {
      link.round_trip_us = report.round_trip_us_by_peer[peer];
    }
    if (report.seconds <= 0) continue;
    link.bytes_per_second = static_cast<double>(bytes) / report.seconds;
    link.wait_share = std::min(1.0, 1e-6 * static_cast<double>(wait_us) / report.seconds);
  }
  Rank& rank = ranks_[from];
  rank.tokens += report.tokens;
  rank.pairs +=
      std::accumulate(report.expert_pairs.begin(), report.expert_pairs.end(), std::uint64_t{0});
  Life& life = lives_[from];
  life.sums.tokens += report.tokens;
  life.sums.pairs_served +=
      std::accumulate(report.expert_pairs.begin(), report.expert_pairs.end(), std::uint64_t{0});
  life.sums.serve_seconds += report.serve_seconds;
  life.sums.bytes_sent +=
      std::accumulate(report.bytes_by_peer.begin(), report.bytes_by_peer.end(), std::uint64_t{0});
  for (const RestrictedSent& sent : report.restricted_rows) {
    add_restricted(restricted_, sent);
    add_restricted(life.restricted, sent);
  }
  if (expert_pairs_.size() < report.expert_pairs.size()) {
    expert_pairs_.resize(report.expert_pairs.size());
  }
  for (std::size_t i = 0; i < report.expert_pairs.size(); ++i) {
    expert_pairs_[i] += report.expert_pairs[i];
  }
}

void LoadTotals::add_restricted(ByEnds& to, const RestrictedSent& sent) {
  std::pair<std::string, std::string> ends{sent.origin, sent.region};
  if (to.size() >= kRegionPairsMax && !to.contains(ends)) {
    ends = {std::string(kOthers), std::string(kOthers)};
  }
  to[std::move(ends)] += sent.rows;
}

LoadTotals::Rank LoadTotals::rank(RankId rank) const {
  const auto found = ranks_.find(rank);
  return found == ranks_.end() ? Rank{} : found->second;
}

std::optional<double> worst_imbalance(std::span<const std::uint64_t> pairs, std::size_t layers) {
  if (layers == 0 || pairs.empty() || pairs.size() % layers != 0) return std::nullopt;
  const std::size_t experts = pairs.size() / layers;
  double worst = 0;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    worst = std::max(worst, imbalance_of(pairs.subspan(layer * experts, experts)));
  }
  return worst;
}

LastLoads LoadTotals::last_of(RankId rank) const {
  const auto found = lives_.find(rank);
  if (found == lives_.end()) return {};
  LastLoads out = found->second.sums;
  for (const auto& [ends, rows] : found->second.restricted) {
    out.restricted_rows.push_back({ends.first, ends.second, rows});
  }
  return out;
}

json LoadTotals::links_json() const {
  json out = json::array();
  for (const auto& [ends, link] : links_) {
    if (link.bytes == 0) continue;
    out.push_back({{"from", ends.first.value()},
                   {"to", ends.second.value()},
                   {"bytes_total", link.bytes},
                   {"bytes_per_second", link.bytes_per_second}});
    if (link.round_trip_us != 0) out.back()["round_trip_us_min"] = link.round_trip_us;
  }
  return out;
}

json LoadTotals::restricted_json() const {
  json out = json::array();
  for (const auto& [ends, rows] : restricted_) {
    out.push_back({{"origin", ends.first}, {"region", ends.second}, {"rows_total", rows}});
  }
  return out;
}

json LoadTotals::waits_json() const {
  json out = json::array();
  for (const auto& [ends, link] : links_) {
    if (link.wait_us == 0) continue;
    out.push_back({{"rank", ends.first.value()},
                   {"peer", ends.second.value()},
                   {"wait_s_total", 1e-6 * static_cast<double>(link.wait_us)},
                   {"wait_share", link.wait_share}});
  }
  return out;
}

json LoadTotals::experts_json(std::size_t layers, std::size_t experts) const {
  json pairs = json::array();
  json imbalance = json::array();
  std::uint64_t total = 0;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    if (expert_pairs_.size() != layers * experts) break;
    const auto row = std::span(expert_pairs_).subspan(layer * experts, experts);
    total = std::accumulate(row.begin(), row.end(), total);
    pairs.push_back(std::vector<std::uint64_t>(row.begin(), row.end()));
    imbalance.push_back(imbalance_of(row));
  }
  return {{"layers", layers},
          {"experts", experts},
          {"pairs_total", total},
          {"imbalance", std::move(imbalance)},
          {"expert_pairs", std::move(pairs)}};
}

}  // namespace switchyard::control

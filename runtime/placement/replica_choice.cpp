#include "runtime/placement/replica_choice.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "runtime/base/check.h"

namespace switchyard::placement {
namespace {

// Products of a weight, a weight sum and a count stay below 2^63 for up to 2^20 copies of an
// expert.
constexpr std::uint32_t kWeightMax = std::uint32_t{1} << 20;

using Hosts = std::unordered_map<RankId, std::string_view>;

// The copies that local-first takes, as indices: on the source itself, else on its host, else all.
void append_preferred(std::span<const Replica> copies, RankId source, const Hosts& hosts,
                      std::vector<std::uint32_t>& out) {
  const std::size_t before = out.size();
  for (std::uint32_t i = 0; i < copies.size(); ++i) {
    if (copies[i].rank == source) out.push_back(i);
  }
  if (out.size() > before) return;
  for (std::uint32_t i = 0; i < copies.size(); ++i) {
    if (hosts.at(copies[i].rank) == hosts.at(source)) out.push_back(i);
  }
  if (out.size() > before) return;
  for (std::uint32_t i = 0; i < copies.size(); ++i) out.push_back(i);
}

[[nodiscard]] Result<void> check_weights(std::span<const std::uint32_t> weights, std::size_t layer,
                                         std::size_t expert) {
  if (std::all_of(weights.begin(), weights.end(), [](auto w) { return w == 0; }) ||
      std::any_of(weights.begin(), weights.end(), [](auto w) { return w > kWeightMax; })) {
    return fail(ErrorCode::kConfig,
                "replica choice: layer {} expert {}: weights must be at most {} and not all 0",
                layer, expert, kWeightMax);
  }
  return {};
}

}  // namespace

Result<ReplicaRule> parse_replica_rule(std::string_view name) {
  if (name == "local-first") return ReplicaRule::kLocalFirst;
  if (name == "round-robin") return ReplicaRule::kRoundRobin;
  if (name == "weighted") return ReplicaRule::kWeighted;
  if (name == "nearest") return ReplicaRule::kNearest;
  return fail(ErrorCode::kConfig,
              "unknown replica choice '{}'; there are: local-first, round-robin, weighted, nearest",
              name.substr(0, 60));
}

Result<ReplicaChoice> ReplicaChoice::create(ReplicaRule rule, const View& view, RankId source,
                                            std::vector<std::uint32_t> weights,
                                            const NearestOptions& nearest) {
  Hosts hosts;
  for (const Member& member : view.members) hosts.emplace(member.rank, member.host);
  if (!hosts.contains(source)) {
    return fail(ErrorCode::kConfig, "replica choice: rank {} is no member of epoch {}",
                source.value(), view.epoch.value());
  }
  ReplicaChoice out;
  out.rule_ = rule;
  out.source_ = source;
  out.experts_ = view.placement.experts();
  out.ways_.assign(view.members.back().rank.index() + 1, Way::kFar);
  for (const Member& member : view.members) {
    Way& way = out.ways_[member.rank.index()];
    if (member.host == hosts.at(source)) way = Way::kHost;
    if (member.rank == source) way = Way::kSelf;
  }
  if (rule == ReplicaRule::kNearest) {
    const auto tiers = tiers_from(view, source, nearest.costs, nearest.round_trip_us);
    out.nearest_ = NearestCopy(view, source, tiers, nearest.spill_over);
  }
  const std::size_t layers = view.placement.layers();
  std::size_t replica_count = 0;
  for (std::size_t l = 0; l < layers; ++l) {
    for (std::uint32_t e = 0; e < out.experts_; ++e) {
      const auto copies = view.placement.replicas(l, ExpertId(e));
      for (const Replica& copy : copies) {
        if (!hosts.contains(copy.rank)) {
          return fail(ErrorCode::kConfig,
                      "replica choice: layer {} expert {} is on rank {}, no member of epoch {}", l,
                      e, copy.rank.value(), view.epoch.value());
        }
      }
      Candidates candidates;
      candidates.begin = static_cast<std::uint32_t>(replica_count);
      candidates.count = static_cast<std::uint32_t>(copies.size());
      candidates.preferred_begin = static_cast<std::uint32_t>(out.preferred_.size());
      replica_count += copies.size();
      append_preferred(copies, source, hosts, out.preferred_);
      candidates.preferred_count =
          static_cast<std::uint32_t>(out.preferred_.size()) - candidates.preferred_begin;
      out.candidates_.push_back(candidates);
    }
  }
  if (weights.empty()) weights.assign(replica_count, 1);
  if (weights.size() != replica_count) {
    return fail(ErrorCode::kConfig, "replica choice: {} weights for {} replicas", weights.size(),
                replica_count);
  }
  for (std::size_t i = 0; i < out.candidates_.size(); ++i) {
    Candidates& candidates = out.candidates_[i];
    const auto own = std::span(weights).subspan(candidates.begin, candidates.count);
    if (own.empty()) continue;  // masked: there is nothing to choose
    SY_TRY(check_weights(own, i / out.experts_, i % out.experts_));
    candidates.weight_sum = std::accumulate(own.begin(), own.end(), std::uint64_t{0});
  }
  out.weights_ = std::move(weights);
  out.sent_.assign(replica_count, 0);
  return out;
}

std::size_t ReplicaChoice::choose(std::span<const Replica> copies, const ReplicaQuery& query) {
  const std::size_t i = query.layer * experts_ + query.expert.index();
  SY_CHECK(query.expert.index() < experts_ && i < candidates_.size(), "layer {} expert {}",
           query.layer, query.expert.value());
  Candidates& candidates = candidates_[i];
  SY_CHECK(copies.size() == candidates.count, "{} copies of {}", copies.size(), candidates.count);
  switch (rule_) {
    case ReplicaRule::kLocalFirst:
      return preferred_[candidates.preferred_begin +
                        (query.token + source_.value()) % candidates.preferred_count];
    case ReplicaRule::kRoundRobin: return (query.token + query.slot) % candidates.count;
    case ReplicaRule::kWeighted: return choose_weighted(candidates);
    case ReplicaRule::kNearest: return nearest_.choose(copies, query.token);
  }
  return 0;
}

std::size_t ReplicaChoice::choose_among(std::span<const Replica> good, std::uint64_t token) const {
  SY_CHECK(!good.empty(), "no copy may be taken");
  if (rule_ == ReplicaRule::kNearest) return nearest_.choose(good, token);
  if (rule_ != ReplicaRule::kLocalFirst) return token % good.size();
  const auto way = [&](const Replica& copy) { return ways_[copy.rank.index()]; };
  const Way best = way(*std::ranges::min_element(good, {}, way));
  const auto count = static_cast<std::uint64_t>(std::ranges::count(good, best, way));
  std::uint64_t skip = token % count;
  const auto taken = std::ranges::find_if(
      good, [&](const Replica& copy) { return way(copy) == best && skip-- == 0; });
  return static_cast<std::size_t>(taken - good.begin());
}

// Of the copies that are still below their upper quota after this pair, the one whose next pair is
// due first. All in whole numbers; after weight_sum pairs every copy has exactly its weight.
std::size_t ReplicaChoice::choose_weighted(Candidates& candidates) {
  const std::uint64_t n = candidates.pairs + 1;
  const std::uint32_t end = candidates.begin + candidates.count;
  std::uint32_t best = end;
  for (std::uint32_t c = candidates.begin; c < end; ++c) {
    if (sent_[c] * candidates.weight_sum >= weights_[c] * n) continue;
    if (best == end || (sent_[c] + 1) * weights_[best] < (sent_[best] + 1) * weights_[c]) best = c;
  }
  SY_CHECK(best != end, "no replica below its quota");
  ++sent_[best];
  candidates.pairs = n;
  if (n == candidates.weight_sum) {
    candidates.pairs = 0;
    std::fill(sent_.begin() + candidates.begin, sent_.begin() + end, std::uint64_t{0});
  }
  return best - candidates.begin;
}

void ReplicaChoice::restart() {
  std::fill(sent_.begin(), sent_.end(), std::uint64_t{0});
  for (Candidates& candidates : candidates_) candidates.pairs = 0;
}

Result<std::unique_ptr<ReplicaChoice>> make_replica_choice(std::string_view name, const View& view,
                                                           RankId source,
                                                           const NearestOptions& nearest) {
  SY_ASSIGN(const ReplicaRule rule, parse_replica_rule(name));
  SY_ASSIGN(ReplicaChoice choice, ReplicaChoice::create(rule, view, source, {}, nearest));
  return std::make_unique<ReplicaChoice>(std::move(choice));
}

}  // namespace switchyard::placement

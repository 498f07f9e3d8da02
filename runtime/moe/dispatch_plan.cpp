#include "runtime/moe/dispatch_plan.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/base/random.h"
#include "runtime/moe/rank_ramp.h"

namespace switchyard::moe {
namespace {

constexpr RankId kNowhere{UINT32_MAX};

// Whether the pair is one of those that a rank with this share does not get: drawn from the pair
// itself, so that equal dispatches go equal ways.
bool beyond(std::uint32_t share, const placement::ReplicaQuery& query) noexcept {
  if (share == RankRamp::kWhole) return false;
  const auto drawn = hash_counters(query.layer, query.token, query.slot, query.expert.value());
  return drawn % RankRamp::kWhole >= share;
}

}  // namespace

void DispatchPlan::reserve(std::size_t ranks_max, std::size_t rows_max, std::size_t slots_max) {
  ranks.reserve(ranks_max);
  row_token.reserve(rows_max);
  pairs.reserve(slots_max);
  pair_slot.reserve(slots_max);
}

DispatchPlanner::DispatchPlanner(std::size_t ranks, std::size_t tokens_max, std::size_t slots_max)
    : tallies_(ranks), tokens_max_(tokens_max), slots_max_(slots_max) {
  slot_rank_.reserve(slots_max);
  good_.reserve(ranks);
}

void DispatchPlanner::plan(const placement::View& view, std::size_t moe_layer,
                           const routing::Selections& selections,
                           std::span<const std::uint32_t> token_keys, TokenMasks masks,
                           placement::ReplicaChoice& choice, DispatchPlan& plan,
                           std::span<const std::uint8_t> avoided,
                           std::span<const std::uint32_t> shares) {
  const std::size_t tokens = selections.token_count();
  SY_CHECK(tokens <= tokens_max_ && selections.slot_count() <= slots_max_,
           "{} tokens of {}, {} slots of {}", tokens, tokens_max_, selections.slot_count(),
           slots_max_);
  SY_CHECK(token_keys.size() == tokens);
  SY_CHECK(masks.empty() || masks.size() == tokens);
  slot_rank_.clear();
  plan.forbidden.clear();
  plan.steered = 0;
  plan.ramped = 0;
  choice.begin_dispatch(selections.slot_count());
  for (std::size_t t = 0; t < tokens; ++t) {
    const RankMask* mask = masks.empty() ? nullptr : masks[t];
    for (std::uint32_t s = selections.slot_begin[t]; s < selections.slot_begin[t + 1]; ++s) {
      const placement::ReplicaQuery query{moe_layer, selections.experts[s], token_keys[t],
                                          s - selections.slot_begin[t]};
      RankId rank = choose(view, query, mask, choice);
      const auto copies = view.placement.replicas(moe_layer, query.expert);
      const auto sound = [&](RankId copy) { return avoided.empty() || avoided[copy.index()] == 0; };
      if (!shares.empty() && rank != kNowhere && beyond(shares[rank.index()], query)) {
        const auto whole = [&](RankId copy) {
          return sound(copy) && shares[copy.index()] == RankRamp::kWhole;
        };
        const RankId other = among(copies, token_keys[t], mask, choice, whole);
        plan.ramped += other != rank && other != kNowhere ? 1U : 0U;
        if (other != kNowhere) rank = other;
      }
      if (rank != kNowhere && !sound(rank)) {
        const RankId other = among(copies, token_keys[t], mask, choice, sound);
        plan.steered += other != rank && other != kNowhere ? 1U : 0U;
        if (other != kNowhere) rank = other;
      }
      slot_rank_.push_back(rank);
      if (rank != kNowhere) choice.count(rank);
      if (rank != kNowhere || mask == nullptr) continue;
      if (plan.forbidden.empty() || plan.forbidden.back() != t) {
        plan.forbidden.push_back(static_cast<std::uint32_t>(t));
      }
    }
  }
  count(selections);
  lay_out(plan);
  fill(selections, plan);
}

// Where the usual choice may not be taken, the nearest of the allowed copies is.
RankId DispatchPlanner::choose(const placement::View& view, const placement::ReplicaQuery& query,
                               const RankMask* mask, placement::ReplicaChoice& choice) {
  const auto replicas = view.placement.replicas(query.layer, query.expert);
  if (replicas.empty()) return kNowhere;
  const RankId usual =
      replicas.size() == 1 ? replicas.front().rank : replicas[choice.choose(replicas, query)].rank;
  if (mask == nullptr || mask->allows(usual)) return usual;
  return among(replicas, query.token, mask, choice, [](RankId) { return true; });
}

template <class Good>
RankId DispatchPlanner::among(std::span<const placement::Replica> replicas, std::uint64_t token,
                              const RankMask* mask, const placement::ReplicaChoice& choice,
                              Good&& good_rank) {
  good_.clear();
  for (const placement::Replica& copy : replicas) {
    if (good_rank(copy.rank) && (mask == nullptr || mask->allows(copy.rank))) good_.push_back(copy);
  }
  return good_.empty() ? kNowhere : good_[choice.choose_among(good_, token)].rank;
}

void DispatchPlanner::count(const routing::Selections& selections) {
  for (auto& tally : tallies_) tally = RankTally{};
  const std::size_t tokens = selections.token_count();
  for (std::uint32_t t = 0; t < tokens; ++t) {
    for (std::uint32_t s = selections.slot_begin[t]; s < selections.slot_begin[t + 1]; ++s) {
      if (slot_rank_[s] == kNowhere) continue;
      auto& tally = tallies_[slot_rank_[s].index()];
      ++tally.pairs;
      if (tally.last_token != t + 1) {
        tally.last_token = t + 1;
        ++tally.rows;
      }
    }
  }
}

void DispatchPlanner::lay_out(DispatchPlan& plan) {
  plan.ranks.clear();
  std::uint32_t rows = 0;
  std::uint32_t pairs = 0;
  for (std::uint32_t r = 0; r < tallies_.size(); ++r) {
    auto& tally = tallies_[r];
    if (tally.pairs == 0) continue;
    plan.ranks.push_back({RankId(r), rows, tally.rows, pairs, tally.pairs});
    tally.row_begin = rows;
    tally.pair_begin = pairs;
    rows += tally.rows;
    pairs += tally.pairs;
    tally.rows = 0;
    tally.pairs = 0;
    tally.last_token = 0;
  }
  plan.row_token.resize(rows);
  plan.pairs.resize(pairs);
  plan.pair_slot.resize(pairs);
  plan.masked.clear();
}

void DispatchPlanner::fill(const routing::Selections& selections, DispatchPlan& plan) {
  const std::size_t tokens = selections.token_count();
  for (std::uint32_t t = 0; t < tokens; ++t) {
    for (std::uint32_t s = selections.slot_begin[t]; s < selections.slot_begin[t + 1]; ++s) {
      if (slot_rank_[s] == kNowhere) {
        plan.masked.push_back(s);
        continue;
      }
      auto& tally = tallies_[slot_rank_[s].index()];
      if (tally.last_token != t + 1) {
        tally.last_token = t + 1;
        plan.row_token[tally.row_begin + tally.rows++] = t;
      }
      const std::uint32_t p = tally.pair_begin + tally.pairs++;
      plan.pairs[p] = {tally.rows - 1, selections.experts[s].value()};
      plan.pair_slot[p] = s;
    }
  }
}

}  // namespace switchyard::moe

#include "runtime/routing/policy_router.h"

#include <algorithm>
#include <limits>

namespace switchyard::routing {
namespace {

void check_signals(std::size_t tokens, const TokenSignals& signals, RuleNeeds needs) {
  const auto fits = [tokens](std::size_t size) { return size == 0 || size == tokens; };
  SY_CHECK(fits(signals.token_ids.size()) && fits(signals.positions.size()) &&
               fits(signals.sequence_seeds.size()) && fits(signals.residual_variance.size()),
           "signals of {} tokens", tokens);
  SY_CHECK(!needs.position || signals.positions.size() == tokens, "positions are missing");
  SY_CHECK(!needs.residual_variance || signals.residual_variance.size() == tokens,
           "residual variances are missing");
}

}  // namespace

// As its parts. NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
struct PolicyRouter::Scratch {
  ScoreRow row;
  Ranked ranked;
  std::array<float, kExpertsMax> shares;  // [ranked]
  std::array<float, kExpertsMax> biased;  // only with a bias
};

PolicyRouter::PolicyRouter(BuiltPolicy policy, RouterOptions options, std::string spec)
    : policy_(std::move(policy)),
      options_(std::move(options)),
      spec_(std::move(spec)),
      needs_(policy_.rule->needs()),
      // The margin estimator looks at two experts whatever k is.
      ranked_count_(policy_.ranking ? policy_.k_max
                                    : std::min(policy_.convention.experts,
                                               std::max({policy_.k_max, std::size_t{2},
                                                         options_.weights == WeightRule::kMass
                                                             ? policy_.convention.k_static
                                                             : std::size_t{0}}))) {}

void PolicyRouter::route(std::size_t layer, MatrixView<const float> logits,
                         const TokenSignals& signals, Selections& out) const {
  SY_CHECK(layer < policy_.convention.layers, "layer {} of {}", layer, policy_.convention.layers);
  SY_CHECK(logits.rows() == 0 || logits.cols() == policy_.convention.experts,
           "logits for {} experts, the model has {}", logits.cols(), policy_.convention.experts);
  check_signals(logits.rows(), signals, needs_);
  Scratch scratch;
  const auto at = [](auto span, std::size_t t) {
    return span.empty() ? typename decltype(span)::value_type{} : span[t];
  };
  for (std::size_t t = 0; t < logits.rows(); ++t) {
    TokenView token;
    token.layer = layer;
    token.token_id = at(signals.token_ids, t);
    token.position = at(signals.positions, t);
    token.sequence_seed = at(signals.sequence_seeds, t);
    token.residual_variance = signals.residual_variance.empty()
                                  ? std::numeric_limits<float>::quiet_NaN()
                                  : signals.residual_variance[t];
    route_token(scratch, logits.row(t), token, out);
  }
}

bool PolicyRouter::compile(std::size_t layer, SelectionRule& out) const {
  const auto& convention = policy_.convention;
  out = {};
  SY_CHECK(layer < convention.layers, "layer {} of {}", layer, convention.layers);
  if (!policy_.rule->compile(layer, out)) return false;
  out.scores =
      convention.scoring == Scoring::kSoftmax ? GateScores::kSoftmax : GateScores::kSigmoid;
  out.base = convention.renormalise                  ? WeightBase::kKept
             : options_.weights == WeightRule::kMass ? WeightBase::kKeptOverStatic
                                                     : WeightBase::kOne;
  out.scale = convention.scale;
  out.ranked = static_cast<std::uint32_t>(ranked_count_);
  out.k_static = static_cast<std::uint32_t>(convention.k_static);
  if (out.base == WeightBase::kKeptOverStatic && out.k_static > out.ranked) return false;
  if (!policy_.ranking) return true;
  const auto& ranking = *policy_.ranking;
  out.groups = static_cast<std::uint32_t>(ranking.grouping.groups);
  out.groups_kept = static_cast<std::uint32_t>(ranking.grouping.groups_kept);
  if (!ranking.bias.empty()) out.bias = ranking.bias.data() + layer * convention.experts;
  return true;
}

// Softmax and sigmoid are increasing, so ranking by logit is ranking by score without the ties that
// rounding makes.
void PolicyRouter::rank(std::size_t layer, Scratch& scratch) const {
  const std::size_t experts = scratch.row.experts;
  const auto logits = std::span(scratch.row.logits).first(experts);
  if (!policy_.ranking) return rank_best(logits, ranked_count_, scratch.ranked);
  const GroupedRanking& ranking = *policy_.ranking;
  for (std::size_t e = 0; e < experts; ++e) {
    scratch.biased[e] =
        scratch.row.scores[e] + (ranking.bias.empty() ? 0.0F : ranking.bias[layer * experts + e]);
  }
  rank_best_in_groups(std::span(scratch.biased).first(experts), ranking.grouping, ranked_count_,
                      scratch.ranked);
}

void PolicyRouter::route_token(Scratch& scratch, std::span<const float> logits, TokenView& token,
                               Selections& out) const {
  const Scoring scoring = policy_.convention.scoring;
  score_row(scoring, logits, scratch.row);
  std::size_t k = 0;
  if (scratch.row.finite) {
    rank(token.layer, scratch);
    const float scale = scratch.row.share_scale(scoring);
    for (std::size_t i = 0; i < scratch.ranked.count; ++i) {
      scratch.shares[i] = scratch.row.scores[scratch.ranked.ids[i]] * scale;
    }
    token.shares = std::span(scratch.shares).first(scratch.ranked.count);
    if (needs_.entropy) token.entropy = normalised_entropy(scoring, scratch.row);
    k = policy_.rule->count(token);
  }
  if (k > 0) return push(scratch, k, Fallback::kNone, out);
  fallback_experts(options_.fallback, logits, token, scratch.ranked);
  push(scratch, scratch.ranked.count, options_.fallback.kind, out);
}

void PolicyRouter::push(const Scratch& scratch, std::size_t k, Fallback fallback,
                        Selections& out) const {
  const auto ids = std::span(scratch.ranked.ids).first(k);
  const auto& scores = scratch.row.scores;
  const RouterConvention& convention = policy_.convention;
  float factor = convention.scale;
  if (scratch.row.finite) {
    float kept = 0;
    for (const std::uint32_t id : ids) kept += scores[id];
    if (convention.renormalise) {
      factor /= kept + 1e-20F;
    } else if (options_.weights == WeightRule::kMass && fallback == Fallback::kNone) {
      float mass = 0;
      for (std::size_t i = 0; i < convention.k_static; ++i) mass += scores[scratch.ranked.ids[i]];
      factor *= mass / (kept + 1e-20F);
    }
  } else {
    factor /= static_cast<float>(k);
  }
  for (const std::uint32_t id : ids) {
    out.experts.emplace_back(id);
    out.weights.push_back(scratch.row.finite ? scores[id] * factor : factor);
  }
  out.slot_begin.push_back(static_cast<std::uint32_t>(out.experts.size()));
  out.fallbacks.push_back(fallback);
}

}  // namespace switchyard::routing

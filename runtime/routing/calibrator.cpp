#include "runtime/routing/calibrator.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/base/random.h"
#include "runtime/routing/policies/policy_table.h"

namespace switchyard::routing {
namespace {

struct TokenRecord {
  float residual_variance = 0;
  std::uint32_t token_id = 0;
  std::uint32_t position = 0;
  std::uint64_t sequence_seed = 0;
};

struct LayerSample {
  std::uint64_t seen = 0;
  std::vector<float> logits;  // [kept, E]
  std::vector<TokenRecord> tokens;
};

template <class T>
[[nodiscard]] T value_or(std::span<const T> values, std::size_t i, T absent) {
  return values.empty() ? absent : values[i];
}

}  // namespace

class Calibrator::Samples final : public RecordedTokens {
 public:
  Samples(const RouterConvention& given, std::string name, CalibratorOptions options)
      : convention(given),
        family(std::move(name)),
        seed(options.seed),
        layers(given.layers),
        expert_loads(given.layers * given.experts) {
    const std::size_t row_bytes = given.experts * sizeof(float) + sizeof(TokenRecord);
    rows_max = std::clamp<std::size_t>(options.bytes_max / (row_bytes * given.layers), 1,
                                       options.tokens_max);
  }

  [[nodiscard]] std::size_t count(std::size_t layer) const noexcept override {
    return layers[layer].tokens.size();
  }

  void visit(std::size_t layer, std::size_t ranks, RuleNeeds needs,
             const TokenVisitor& visitor) const override {
    const std::size_t experts = convention.experts;
    ScoreRow row;
    Ranked ranked;
    std::vector<float> shares(experts);
    for (std::size_t i = 0; i < count(layer); ++i) {
      score_row(convention.scoring, std::span(layers[layer].logits).subspan(i * experts, experts),
                row);
      rank_best(std::span(row.logits).first(experts), std::min(ranks, experts), ranked);
      const float scale = row.share_scale(convention.scoring);
      for (std::size_t j = 0; j < ranked.count; ++j) {
        shares[j] = row.scores[ranked.ids[j]] * scale;
      }
      const TokenRecord& record = layers[layer].tokens[i];
      TokenView token;
      token.layer = layer;
      token.shares = std::span(shares).first(ranked.count);
      token.entropy = needs.entropy ? normalised_entropy(convention.scoring, row) : 0.0F;
      token.residual_variance = record.residual_variance;
      token.token_id = record.token_id;
      token.position = record.position;
      token.sequence_seed = record.sequence_seed;
      visitor(token);
    }
  }

  // Algorithm R: token i of a layer replaces a kept one with probability rows_max / i.
  void keep(std::size_t layer, std::span<const float> logits, const TokenRecord& record) {
    LayerSample& sample = layers[layer];
    const std::uint64_t index = sample.seen++;
    if (sample.tokens.size() < rows_max) {
      sample.logits.insert(sample.logits.end(), logits.begin(), logits.end());
      sample.tokens.push_back(record);
      return;
    }
    const std::uint64_t place = hash_counters(seed, layer, index) % (index + 1);
    if (place >= rows_max) return;
    std::copy(logits.begin(), logits.end(),
              sample.logits.begin() + static_cast<std::ptrdiff_t>(place * logits.size()));
    sample.tokens[place] = record;
  }

  void count_token(std::uint32_t id) {
    if (id >= kVocabMax) return;
    if (id >= token_counts.size()) token_counts.resize(id + 1, 0);
    ++token_counts[id];
  }

  // Of a finite row, sampled or not: what the checkpoint's own top-k would choose.
  void count_experts(std::size_t layer, std::span<const float> logits) {
    Ranked best;
    rank_best(logits, convention.k_static, best);
    for (std::size_t j = 0; j < best.count; ++j) {
      ++expert_loads[layer * convention.experts + best.ids[j]];
    }
  }

  RouterConvention convention;
  std::string family;
  std::uint64_t seed;
  std::size_t rows_max = 0;
  std::vector<LayerSample> layers;
  std::vector<std::uint64_t> token_counts;
  std::vector<std::uint64_t> expert_loads;  // [layers * experts]
};

Calibrator::Calibrator(std::unique_ptr<Samples> samples) : samples_(std::move(samples)) {}
Calibrator::~Calibrator() = default;
Calibrator::Calibrator(Calibrator&&) noexcept = default;
Calibrator& Calibrator::operator=(Calibrator&&) noexcept = default;

Result<Calibrator> Calibrator::create(const RouterConvention& convention, std::string family,
                                      CalibratorOptions options) {
  SY_TRY(make_router("topk", convention, {}));  // the same limits as a router's
  if (options.tokens_max == 0) {
    return fail(ErrorCode::kBadInput, "calibrator: tokens_max must be positive");
  }
  return Calibrator(std::make_unique<Samples>(convention, std::move(family), options));
}

void Calibrator::observe(std::size_t layer, MatrixView<const float> logits,
                         const TokenSignals& signals) {
  Samples& samples = *samples_;
  SY_CHECK(layer < samples.layers.size(), "layer {} of {}", layer, samples.layers.size());
  SY_CHECK(logits.rows() == 0 || logits.cols() == samples.convention.experts, "{} experts",
           logits.cols());
  for (std::size_t t = 0; t < logits.rows(); ++t) {
    if (layer == 0 && !signals.token_ids.empty()) samples.count_token(signals.token_ids[t]);
    const auto row = logits.row(t);
    if (!std::all_of(row.begin(), row.end(), [](float z) { return std::isfinite(z); })) continue;
    TokenRecord record;
    record.residual_variance =
        value_or(signals.residual_variance, t, std::numeric_limits<float>::quiet_NaN());
    record.token_id = value_or(signals.token_ids, t, 0U);
    record.position = value_or(signals.positions, t, 0U);
    record.sequence_seed = value_or(signals.sequence_seeds, t, std::uint64_t{0});
    samples.count_experts(layer, row);
    samples.keep(layer, row, record);
  }
}

Result<CalibrationEntry> Calibrator::solve(std::string_view spec) const {
  const Samples& samples = *samples_;
  SY_ASSIGN(const Spec parsed, Spec::parse(spec));
  SY_ASSIGN(const PolicyEntry* entry, find_policy(parsed.name()));
  std::vector<std::string_view> keys = entry->keys;
  keys.insert(keys.end(), {"weights", "fallback"});  // a router's spec may be given as it is
  SY_TRY(parsed.check_keys(keys));
  if (entry->solve == nullptr) {
    std::vector<std::string_view> others;
    for (const PolicyEntry& other : policy_table()) {
      if (other.solve != nullptr) others.push_back(other.name);
    }
    return fail(ErrorCode::kUsage, "routing policy {} needs no calibration; those that do: {}",
                parsed.name(), fmt::join(others, ", "));
  }
  Calibration found = calibration({});
  SY_ASSIGN(CalibrationEntry out, entry->solve({parsed, samples.convention, &found}, samples));
  // What the rule itself does with these thresholds, rather than what the solver hoped for.
  found.entries.push_back(out);
  SY_ASSIGN(const BuiltPolicy built, entry->make({parsed, samples.convention, &found}));
  std::uint64_t slots = 0;
  std::uint64_t tokens = 0;
  for (std::size_t l = 0; l < samples.layers.size(); ++l) {
    samples.visit(l, std::max<std::size_t>(built.k_max, 2), built.rule->needs(),
                  [&](const TokenView& token) { slots += built.rule->count(token); });
    tokens += samples.count(l);
  }
  out.mean_k = static_cast<double>(slots) / static_cast<double>(tokens);
  return out;
}

Calibration Calibrator::calibration(std::vector<CalibrationEntry> entries) const {
  Calibration out;
  out.family = samples_->family;
  out.layers = samples_->convention.layers;
  out.experts = samples_->convention.experts;
  out.k_static = samples_->convention.k_static;
  out.tokens = token_count();
  out.entries = std::move(entries);
  out.token_counts = samples_->token_counts;
  out.expert_loads = samples_->expert_loads;
  return out;
}

std::uint64_t Calibrator::token_count() const noexcept { return samples_->layers[0].seen; }

// Solves it for one made-up token a layer: whatever else can be wrong with a budget depends on the
// text.
Result<void> check_budget(std::string_view spec, const RouterConvention& convention) {
  SY_ASSIGN(auto calibrator, Calibrator::create(convention, {}, {}));
  std::vector<float> logits(convention.experts);
  for (std::size_t e = 0; e < logits.size(); ++e) logits[e] = -static_cast<float>(e);
  const std::uint32_t zero = 0;
  const std::uint64_t seed = 0;
  const float variance = 1;
  TokenSignals signals;
  signals.token_ids = std::span(&zero, 1);
  signals.positions = std::span(&zero, 1);
  signals.sequence_seeds = std::span(&seed, 1);
  signals.residual_variance = std::span(&variance, 1);
  for (std::size_t layer = 0; layer < convention.layers; ++layer) {
    calibrator.observe(layer, {logits.data(), 1, logits.size()}, signals);
  }
  auto solved = calibrator.solve(spec);
  if (!solved && solved.error().code == ErrorCode::kUsage) {
    return Unexpected(std::move(solved).error());
  }
  return {};
}

}  // namespace switchyard::routing

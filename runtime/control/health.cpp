#include "runtime/control/health.h"

#include <algorithm>
#include <functional>

namespace switchyard::control {
namespace {

using Reasons = std::vector<Reason>;

bool getting_ready(Phase phase) { return phase == Phase::kLoading || phase == Phase::kStarting; }

// Never registered: nothing else is known, and there is nothing to fail over.
void weigh_registration(const RankFacts& facts, const HealthConfig& config, Reasons& out) {
  const bool overdue = facts.connection_age > config.register_max;
  out.push_back(
      {HealthFactor::kNotRegistered, overdue ? HealthLevel::kSuspect : HealthLevel::kStarting,
       fmt::format("not registered {:.1f} s after its launch", to_seconds(facts.connection_age))});
}

void weigh_connection(const RankFacts& facts, const HealthConfig& config, Reasons& out) {
  if (facts.connection != Connection::kBroken) return;
  const bool final = facts.connection_age >= config.reconnect_grace;
  out.push_back(
      {HealthFactor::kConnectionBroken, final ? HealthLevel::kDead : HealthLevel::kSuspect,
       fmt::format("its connection broke {:.2f} s ago", to_seconds(facts.connection_age))});
}

void weigh_phase(const RankFacts& facts, const HealthConfig& config, Reasons& out) {
  const Duration limit = config.budget(facts.phase).phase_max;
  const bool overdue = limit > Duration::zero() && facts.phase_age > limit;
  if (getting_ready(facts.phase)) {
    out.push_back(
        {HealthFactor::kStartingUp, HealthLevel::kStarting,
         fmt::format("{} for {:.1f} s", to_string(facts.phase), to_seconds(facts.phase_age))});
  }
  if (overdue) {
    out.push_back({HealthFactor::kPhaseOverdue, HealthLevel::kDegraded,
                   fmt::format("{} for {:.1f} s, expected at most {:.1f} s", to_string(facts.phase),
                               to_seconds(facts.phase_age), to_seconds(limit))});
  }
}

HealthLevel silence_level(const RankFacts& facts, const HealthConfig& config) {
  const PhaseBudget& budget = config.budget(facts.phase);
  if (facts.silence < budget.silent_suspect) return HealthLevel::kHealthy;
  if (facts.phi >= config.phi_dead && facts.silence >= budget.silent_dead) {
    return HealthLevel::kDead;
  }
  if (facts.phi >= config.phi_suspect) return HealthLevel::kSuspect;
  return facts.phi >= config.phi_degraded ? HealthLevel::kDegraded : HealthLevel::kHealthy;
}

void weigh_silence(const RankFacts& facts, const HealthConfig& config, Reasons& out) {
  const HealthLevel level = silence_level(facts, config);
  if (level == HealthLevel::kHealthy) return;
  out.push_back({HealthFactor::kSilent, level,
                 fmt::format("silent for {:.2f} s while {} (phi {:.1f})", to_seconds(facts.silence),
                             to_string(facts.phase), facts.phi)});
}

void weigh_metrics(const RankFacts& facts, const HealthConfig& config, Reasons& out) {
  if (getting_ready(facts.phase)) return;  // nothing to report yet; the level is kStarting anyway
  if (!facts.metrics_age) {
    out.push_back(
        {HealthFactor::kMetricsMissing, HealthLevel::kUnknown, "no load report has come"});
  } else if (*facts.metrics_age - facts.computed > config.metrics_age_max) {
    std::string text =
        fmt::format("the last load report is {:.1f} s old", to_seconds(*facts.metrics_age));
    if (facts.computed > Duration::zero()) {
      text += fmt::format(", of which it computed {:.1f} s", to_seconds(facts.computed));
    }
    out.push_back({HealthFactor::kMetricsMissing, HealthLevel::kUnknown, std::move(text)});
  }
}

void weigh_progress(const RankFacts& facts, const HealthConfig& config, Reasons& out) {
  if (getting_ready(facts.phase) || facts.stalled < config.stuck_suspect) return;
  const std::string text =
      fmt::format("has work but no step for {:.1f} s", to_seconds(facts.stalled));
  if (facts.waits_for && facts.stalled < 2 * config.stuck_dead) {
    out.push_back({HealthFactor::kStuck, HealthLevel::kDegraded,
                   fmt::format("{}: it waits for rank {}", text, facts.waits_for->value())});
    return;
  }
  const bool final = facts.stalled >= config.stuck_dead;
  out.push_back({HealthFactor::kStuck, final ? HealthLevel::kDead : HealthLevel::kSuspect, text});
}

void weigh_evidence(const RankFacts& facts, Reasons& out) {
  if (facts.evidence == EvidenceLevel::kNone) return;
  const bool enough = facts.evidence == EvidenceLevel::kSuspect;
  out.push_back({HealthFactor::kPeersReport,
                 enough ? HealthLevel::kSuspect : HealthLevel::kDegraded, facts.evidence_text});
}

// Somebody should look; it is no sign of a death, and nothing is done about it.
void weigh_waits(const RankFacts& facts, Reasons& out) {
  if (!facts.slow || facts.phase != Phase::kServing) return;
  out.push_back(
      {HealthFactor::kSlow, HealthLevel::kDegraded, fmt::format("slow: {}", *facts.slow)});
}

// Peers suspect it, and it looks bad from here too. Missing metrics say something only of a rank
// that has been in its phase for long enough to report.
void weigh_together(const RankFacts& facts, const HealthConfig& config, Reasons& out) {
  if (facts.evidence != EvidenceLevel::kSuspect || getting_ready(facts.phase)) return;
  for (const Reason& reason : out) {
    const bool own_sign =
        (reason.factor == HealthFactor::kSilent || reason.factor == HealthFactor::kStuck) &&
        reason.level >= HealthLevel::kSuspect;
    const bool mute = reason.factor == HealthFactor::kMetricsMissing &&
                      facts.phase_age - facts.computed > config.metrics_age_max;
    if (!own_sign && !mute) continue;
    out.push_back({HealthFactor::kCorroborated, HealthLevel::kDead,
                   fmt::format("its peers suspect it, and: {}", reason.text)});
    return;
  }
}

}  // namespace

const PhaseBudget& HealthConfig::budget(Phase phase) const noexcept {
  switch (phase) {
    case Phase::kLoading: return loading;
    case Phase::kStarting: return starting;
    case Phase::kServing: return serving;
    case Phase::kDraining:
    case Phase::kLeaving: return draining;
    case Phase::kParked: return parked;
  }
  return serving;
}

Result<void> HealthConfig::validate() const {
  if (!(phi_degraded > 0 && phi_degraded <= phi_suspect && phi_suspect <= phi_dead)) {
    return fail(ErrorCode::kConfig,
                "health: phi thresholds must grow: degraded {}, suspect {}, dead {}", phi_degraded,
                phi_suspect, phi_dead);
  }
  if (stuck_suspect <= Duration::zero() || stuck_dead < stuck_suspect) {
    return fail(ErrorCode::kConfig, "health: stuck_dead must be at least stuck_suspect, above 0");
  }
  if (compute_max < Duration::zero()) {
    return fail(ErrorCode::kConfig, "health: compute_max must not be negative");
  }
  if (reconnect_grace < Duration::zero() || metrics_age_max <= Duration::zero() ||
      register_max <= Duration::zero()) {
    return fail(ErrorCode::kConfig,
                "health: reconnect_grace must not be negative, metrics_age_max and register_max "
                "must be positive");
  }
  for (const Phase phase :
       {Phase::kLoading, Phase::kStarting, Phase::kServing, Phase::kDraining, Phase::kParked}) {
    const PhaseBudget& of = budget(phase);
    if (of.silent_suspect < Duration::zero() || of.silent_dead < of.silent_suspect ||
        of.phase_max < Duration::zero()) {
      return fail(ErrorCode::kConfig,
                  "health: {}: silent_dead must be at least silent_suspect, none negative",
                  to_string(phase));
    }
  }
  return {};
}

HealthVerdict judge_health(const RankFacts& facts, const HealthConfig& config) {
  HealthVerdict verdict;
  if (facts.connection == Connection::kNever) {
    weigh_registration(facts, config, verdict.reasons);
  } else {
    weigh_connection(facts, config, verdict.reasons);
    weigh_phase(facts, config, verdict.reasons);
    weigh_silence(facts, config, verdict.reasons);
    weigh_metrics(facts, config, verdict.reasons);
    weigh_progress(facts, config, verdict.reasons);
    weigh_evidence(facts, verdict.reasons);
    weigh_waits(facts, verdict.reasons);
    weigh_together(facts, config, verdict.reasons);
  }
  std::ranges::stable_sort(verdict.reasons, std::greater{}, &Reason::level);
  if (!verdict.reasons.empty()) verdict.level = verdict.reasons.front().level;
  return verdict;
}

std::string HealthVerdict::text() const {
  std::string out(to_string(level));
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    out += fmt::format("{}{}", i == 0 ? ": " : "; ", reasons[i].text);
  }
  return out;
}

std::string_view to_string(HealthLevel level) noexcept {
  switch (level) {
    case HealthLevel::kHealthy: return "healthy";
    case HealthLevel::kStarting: return "starting";
    case HealthLevel::kUnknown: return "unknown";
    case HealthLevel::kDegraded: return "degraded";
    case HealthLevel::kSuspect: return "suspect";
    case HealthLevel::kDead: return "dead";
  }
  return "unknown";
}

std::string_view to_string(HealthFactor factor) noexcept {
  switch (factor) {
    case HealthFactor::kNotRegistered: return "not_registered";
    case HealthFactor::kConnectionBroken: return "connection_broken";
    case HealthFactor::kStartingUp: return "starting_up";
    case HealthFactor::kPhaseOverdue: return "phase_overdue";
    case HealthFactor::kSilent: return "silent";
    case HealthFactor::kMetricsMissing: return "metrics_missing";
    case HealthFactor::kStuck: return "stuck";
    case HealthFactor::kPeersReport: return "peers_report";
    case HealthFactor::kCorroborated: return "corroborated";
    case HealthFactor::kSlow: return "slow";
  }
  return "unknown";
}

}  // namespace switchyard::control

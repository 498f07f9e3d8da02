// runtime/control/health.h -- how well a rank is, with reasons, from facts that others collect.
// A pure function: heartbeats (phi_accrual.h), progress (progress_watch.h), the reports of peers
// (evidence.h) and their waits (slow_ranks.h) come in as numbers. A verdict is advice; only the
// controller changes the membership. Each factor is a small function that may add a reason; a
// verdict is as bad as its worst reason. What is not known counts as unknown, never as healthy.
// Death takes a broken connection, a silence beyond the phase's budget, a long standstill, or two
// independent signs at once: reports of peers alone never suffice. Thread safety: functions without
// state.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/control/evidence.h"
#include "runtime/control/rank_state.h"

namespace switchyard::control {

// From best to worst, so that the worst of several is their maximum.
enum class HealthLevel {
  kHealthy,   // nothing to say
  kStarting,  // not ready yet, within its budget
  kUnknown,   // alive, but it does not say how it is
  kDegraded,  // works; somebody should look
  kSuspect,   // perhaps dead: give it nothing new, prepare to replace it
  kDead,      // replace it; it may come back only as a new member
};

enum class HealthFactor {
  kNotRegistered,
  kConnectionBroken,
  kStartingUp,    // starting or loading
  kPhaseOverdue,  // starting, loading or draining for too long
  kSilent,        // heartbeats
  kMetricsMissing,
  kStuck,         // work, but no step
  kPeersReport,   // data-plane evidence
  kCorroborated,  // two independent signs
  kSlow,          // others wait for it much longer than for its like
};

struct Reason {
  HealthFactor factor;
  HealthLevel level;  // what this reason alone makes of the rank
  std::string text;
};

struct HealthVerdict {
  HealthLevel level = HealthLevel::kHealthy;
  std::vector<Reason> reasons;  // worst first

  [[nodiscard]] std::string text() const;  // "suspect: silent for 1.60 s (phi 8.4); ..."
};

struct RankFacts {
  Connection connection = Connection::kNever;
  Duration connection_age{};  // since launch (kNever), registration (kOpen), the end (kBroken)
  Phase phase = Phase::kLoading;
  Duration phase_age{};
  double phi = 0;
  Duration silence{};                   // since the last heartbeat; registering is the first
  std::optional<Duration> metrics_age;  // since the last load report; nothing: none has come
  // Since then, or without any report since its time began, it was at batches of which it reports
  // nothing until they end; as far as it is believed (compute_max).
  Duration computed{};
  Duration stalled{};               // work queued, step counter still (ProgressWatch)
  std::optional<RankId> waits_for;  // another rank whose answer it waits for
  EvidenceLevel evidence = EvidenceLevel::kNone;
  std::string evidence_text;
  std::optional<std::string> slow;  // who waits for it, and how long (slow_ranks.h)
};

// How much silence, and how much time, a phase may take.
struct PhaseBudget {
  Duration silent_suspect{};  // phi counts only from here on
  Duration silent_dead{};
  Duration phase_max{};  // 0: no limit
};

struct HealthConfig {
  double phi_degraded = 3;
  double phi_suspect = 8;
  double phi_dead = 12;
  Duration register_max = std::chrono::seconds(60);  // from launch to registration
  Duration reconnect_grace = Duration::zero();       // a broken connection is death after this
  Duration metrics_age_max = std::chrono::seconds(3);
  // A rank that says that it computes is neither mute nor stuck for so long; nor is who waits for
  // it.
  Duration compute_max = std::chrono::seconds(60);
  Duration stuck_suspect = std::chrono::seconds(5);  // the watchdog
  // Who waits for another rank has twice as long: that one's case is to be settled first. If it
  // never is, the way between the two is at fault, and one of them must give way.
  Duration stuck_dead = std::chrono::seconds(15);
  // Loading may keep a host busy for minutes: its silence is no sign of death for long.
  PhaseBudget loading{std::chrono::seconds(30), std::chrono::seconds(300),
                      std::chrono::seconds(600)};
  PhaseBudget starting{std::chrono::seconds(10), std::chrono::seconds(60),
                       std::chrono::seconds(120)};
  PhaseBudget serving{Duration::zero(), std::chrono::seconds(2), Duration::zero()};
  PhaseBudget draining{Duration::zero(), std::chrono::seconds(2), std::chrono::seconds(300)};
  PhaseBudget parked{Duration::zero(), std::chrono::seconds(2), Duration::zero()};

  [[nodiscard]] const PhaseBudget& budget(Phase phase) const noexcept;
  // Errors: kConfig naming the field: thresholds must grow from degraded to dead.
  [[nodiscard]] Result<void> validate() const;
};

// `config` has been validated.
[[nodiscard]] HealthVerdict judge_health(const RankFacts& facts, const HealthConfig& config);

[[nodiscard]] std::string_view to_string(HealthLevel level) noexcept;
[[nodiscard]] std::string_view to_string(HealthFactor factor) noexcept;

}  // namespace switchyard::control

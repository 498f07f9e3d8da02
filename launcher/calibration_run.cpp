#include "launcher/calibration_run.h"

#include <cmath>
#include <optional>

#include "runtime/routing/spec.h"

namespace switchyard::launcher {
namespace {

class GateObserver final : public engine::Observer {
 public:
  explicit GateObserver(routing::Calibrator& calibrator) : calibrator_(calibrator) {}
  [[nodiscard]] bool wants_gate_logits() const override { return true; }
  void on_routed(const engine::RoutedRows& rows) override {
    calibrator_.observe(rows.moe_layer, rows.logits, rows.signals);
  }

 private:
  routing::Calibrator& calibrator_;
};

}  // namespace

Result<ObservedGates> observe_gates(engine::Session& session,
                                    std::vector<engine::SequenceRequest> windows,
                                    const Policy& policy, ProgressLine& line) {
  SY_ASSIGN(auto calibrator,
            routing::Calibrator::create(session.convention(), session.config().family, {}));
  GateObserver observer(calibrator);
  engine::Job job;
  if (!policy.spec.empty()) job.routing = policy.spec;
  job.calibration = policy.calibration;
  job.keeps.signals = true;
  job.sequences = observing_requests(std::move(windows));
  const std::size_t count = job.sequences.size();
  SY_ASSIGN(const auto result, session.run(job, engine::Session::Spread::kLeadOnly, &observer,
                                           [&line](const engine::JobProgress& now) {
                                             line.update("calibrating: {} of {} windows",
                                                         now.sequences_done, now.sequences);
                                           }));
  for (const auto& sequence : result.sequences) {
    if (sequence.finish != engine::FinishReason::kScored) {
      return fail(ErrorCode::kInterrupted, "stopped before {} windows were observed", count);
    }
  }
  return ObservedGates{std::move(calibrator), result.stats.mean_k()};
}

Result<routing::CalibrationEntry> settle_budget(engine::Session& session,
                                                const std::vector<engine::SequenceRequest>& windows,
                                                const routing::Calibrator& static_gates,
                                                const std::string& spec, ProgressLine& line) {
  constexpr int kPasses = 4;
  constexpr double kNear = 0.005;  // of the budget
  SY_ASSIGN(const routing::Spec parsed, routing::Spec::parse(spec));
  SY_ASSIGN(const auto wanted, parsed.number("mean_k", {0, 65536}));
  const double budget = wanted.value_or(0);
  SY_ASSIGN(auto entry, static_gates.solve(spec));
  std::optional<routing::CalibrationEntry> best;
  const auto off = [&](const routing::CalibrationEntry& each) {
    return std::abs(each.mean_k - budget);
  };
  for (int pass = 1;; ++pass) {
    const Policy policy{entry.spec, static_gates.calibration({entry}).to_json()};
    SY_ASSIGN(const auto observed, observe_gates(session, windows, policy, line));
    entry.mean_k = observed.mean_k;
    if (!best || off(entry) < off(*best)) best = entry;
    if (off(*best) <= kNear * budget || pass == kPasses) return *best;
    SY_ASSIGN(entry, observed.calibrator.solve(spec));
  }
}

}  // namespace switchyard::launcher

#include "launcher/calibration_run.h"

#include "launcher/job_inputs.h"

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

Result<routing::Calibrator> observe_gates(engine::Session& session,
                                          std::vector<engine::SequenceRequest> windows,
                                          ProgressLine& line) {
  SY_ASSIGN(auto calibrator,
            routing::Calibrator::create(session.convention(), session.config().family, {}));
  GateObserver observer(calibrator);
  engine::Job job;
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
  return calibrator;
}

}  // namespace switchyard::launcher

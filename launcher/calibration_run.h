// launcher/calibration_run.h -- feeds a text through the model's gates into a Calibrator: the core
// of calibrate and of study. Runs on rank 0's own router. Thread: the lead's.
#pragma once

#include <string>
#include <vector>

#include "launcher/job_inputs.h"
#include "launcher/progress_line.h"
#include "runtime/engine/session.h"
#include "runtime/routing/calibrator.h"

namespace switchyard::launcher {

struct ObservedGates {
  routing::Calibrator calibrator;
  double mean_k = 0;  // that the policy chose
};

// Observes the gates for the given windows under `policy`; of an empty spec the checkpoint's own.
[[nodiscard]] Result<ObservedGates> observe_gates(engine::Session& session,
                                                  std::vector<engine::SequenceRequest> windows,
                                                  const Policy& policy, ProgressLine& line);

// Thresholds under which a run of these windows has the mean k of `spec`. Fewer experts in one
// layer change what the next one sees: what `static_gates` promise is tried and solved again on
// what came of it, until the mean is within half a percent, four times at most; the nearest is
// kept, with the mean that it had.
[[nodiscard]] Result<routing::CalibrationEntry> settle_budget(
    engine::Session& session, const std::vector<engine::SequenceRequest>& windows,
    const routing::Calibrator& static_gates, const std::string& spec, ProgressLine& line);

}  // namespace switchyard::launcher

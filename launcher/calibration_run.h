// launcher/calibration_run.h -- feeds a text through the model's gates into a Calibrator: the core
// of calibrate and of study. Runs on rank 0's own router. Thread: the lead's.
#pragma once

#include "launcher/progress_line.h"
#include "runtime/engine/session.h"
#include "runtime/routing/calibrator.h"

namespace switchyard::launcher {

// Observes the gates under the checkpoint's own static policy, for the given windows.
[[nodiscard]] Result<routing::Calibrator> observe_gates(
    engine::Session& session, std::vector<engine::SequenceRequest> windows, ProgressLine& line);

}  // namespace switchyard::launcher

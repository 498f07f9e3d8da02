// launcher/served_program.h -- a program whose work is a list of requests that a launched cluster
// serves: what `launch` can run. Thread: the main thread.
#pragma once

#include <vector>

#include "runtime/base/error.h"
#include "runtime/engine/cluster_report.h"
#include "runtime/engine/job.h"
#include "runtime/model/model_config.h"

namespace switchyard::launcher {

class ServedProgram {
 public:
  virtual ~ServedProgram() = default;
  // Reads and checks all input before anything is started.
  [[nodiscard]] virtual Result<void> check_input(const model::ModelConfig& model) = 0;
  // One for each input, ids 0, 1, ... in input order.
  [[nodiscard]] virtual std::vector<engine::SequenceRequest> requests() const = 0;
  // Shows or writes what came out.
  [[nodiscard]] virtual Result<void> conclude(engine::JobResult result,
                                              const engine::ClusterReport& report) = 0;
};

}  // namespace switchyard::launcher

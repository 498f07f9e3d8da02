// launcher/cluster_run.h -- runs a program over the ranks of this run: joins MPI or makes threads,
// opens a session on each, lets rank 0 lead and the others follow, and ends the world in order.
// Thread: the main thread.
#pragma once

#include <functional>

#include "launcher/command.h"
#include "launcher/stop_watch.h"
#include "runtime/base/error.h"
#include "runtime/engine/session.h"

namespace switchyard::launcher {

// What rank 0 does. The other ranks have a program too, but only k_max() is asked of theirs.
class LeadProgram {
 public:
  virtual ~LeadProgram() = default;
  // First of all: what stops this run. It lives until the program has finished.
  virtual void heed(const StopWatch& /*stop_watch*/) {}
  // Reads and checks all input before any weight is loaded. Rank 0 only.
  [[nodiscard]] virtual Result<void> prepare(const model::ModelConfig& model) = 0;
  // The largest k of any job, so that buffers fit; 0: the number of experts. All ranks, equal.
  [[nodiscard]] virtual std::size_t k_max(const model::ModelConfig& model) const = 0;
  // Runs jobs. Rank 0 only.
  [[nodiscard]] virtual Result<void> run(engine::Session& session) = 0;
  // After all ranks have ended their work. Rank 0 only.
  [[nodiscard]] virtual Result<void> finish(const engine::ClusterReport& report) = 0;
};

// Errors: as the sessions and the program give them. A rank that fails alone ends the whole job.
[[nodiscard]] Result<void> run_on_cluster(const Invocation& invocation, LeadProgram& program);

// The configuration as the engine wants it. Errors: kConfig naming the key.
[[nodiscard]] Result<engine::ClusterOptions> cluster_options(const config::RunConfig& run);

// The checkpoint of model.path, or random weights of the configured shape. Errors: naming the
// place.
[[nodiscard]] Result<std::unique_ptr<model::WeightSource>> open_weights(
    const config::EffectiveConfig& config);

// The largest k of the configured policy, for LeadProgram::k_max.
[[nodiscard]] std::size_t configured_k_max(const config::RunConfig& run,
                                           const model::ModelConfig& model);

}  // namespace switchyard::launcher

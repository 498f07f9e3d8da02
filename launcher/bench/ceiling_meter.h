// launcher/bench/ceiling_meter.h -- the machine's ceilings, measured now and again: neighbours come
// and go, and a figure is compared with what the machine could do around it. Thread: one that
// nothing else disturbs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "kernels/ceilings.h"
#include "runtime/engine/cluster_options.h"

namespace switchyard::launcher {

class CeilingMeter {
 public:
  // Threads: those of the options, or all usable cores. Under mpirun the ceilings are those of all
  // ranks of this host together.
  explicit CeilingMeter(const engine::ClusterOptions& options);

  // Some seconds. Errors: as make_device().
  [[nodiscard]] Result<kernels::Ceilings> measure() const;
  // In a third of the time: beside a block of measurements.
  [[nodiscard]] Result<kernels::Ceilings> measure_again() const;
  // For the header of the rows. Errors: as make_device().
  [[nodiscard]] Result<nlohmann::json> facts(const kernels::Ceilings& ceilings) const;

 private:
  [[nodiscard]] Result<kernels::Ceilings> measure_for(double seconds) const;

  std::string device_name_;
  kernels::DeviceOptions device_;
  std::size_t threads_;
};

// The larger of each: a ceiling is what the machine can do when nothing disturbs it.
[[nodiscard]] kernels::Ceilings best_of(const kernels::Ceilings& a, const kernels::Ceilings& b);

}  // namespace switchyard::launcher

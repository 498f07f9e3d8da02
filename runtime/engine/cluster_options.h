// runtime/engine/cluster_options.h -- how the ranks of a run share the work: roles, placement,
// device, limits. Plain values; the launcher fills them from the configuration.
// Every rank of a run must be given equal options (the session checks it).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kernels/device.h"
#include "runtime/base/circuit_breaker.h"
#include "runtime/base/clock.h"
#include "runtime/engine/scheduler.h"

namespace switchyard::engine {

enum class Colocation : std::uint8_t { kApart, kTogether };

struct ClusterOptions {
  std::size_t routers = 1;                     // ranks 0 .. routers-1 hold sequences
  Colocation colocation = Colocation::kApart;  // kTogether: router ranks hold experts too
  std::string placement = "contiguous";
  std::size_t replicas = 1;
  std::string replica_choice = "local-first";
  std::string link_costs;         // between regions: A:B=NUMBER,...
  double spill_over = 0;          // fair shares of a dispatch that fill a rank; 0: none do
  std::optional<DType> wire;      // answers; empty: the precision's operand type
  std::size_t micro_batches = 0;  // 0: 2 where all experts are on other ranks, else 1
  Duration exchange_deadline{30'000'000'000};
  Duration gather_window{200'000};
  BreakerConfig breaker;
  Duration breaker_timeout{1'000'000'000};
  std::uint64_t ramp_steps = 0;  // of a router, until an expert rank that came has its whole share
  Duration start_deadline{900'000'000'000};  // all ranks loaded
  Duration lead_deadline{600'000'000'000};   // silence of rank 0, for ranks that wait for work
  kernels::DeviceOptions device;             // threads 0: cores of the host / its ranks
  std::string device_name = "cpu";
  SchedulerLimits limits;          // context 0: the model's
  std::size_t kv_bytes_max = 0;    // 0: enough for sequences_max contexts, 4 GiB at most
  std::size_t timeline_spans = 0;  // kept by each rank for a trace; 0: none is made
  std::size_t k_max = 0;           // largest k of any job; 0: the number of experts
};

}  // namespace switchyard::engine

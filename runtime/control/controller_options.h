// runtime/control/controller_options.h -- how a cluster is to be kept: its size and roles, what to
// do after a loss, the budgets of the detectors. Plain values; the launcher fills them from the
// configuration. Thread safety: distinct objects: safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/clock.h"

namespace switchyard::control {

// What becomes of experts whose last copy died.
enum class LossPolicy : std::uint8_t {
  kReload,  // other ranks load them from the checkpoint
  kMask,    // their pairs are dropped, counted and reported
  kFail,    // requests that need them fail
};

struct ControllerOptions {
  std::uint32_t ranks = 1;               // slots, spares included
  std::uint32_t spares = 0;
  std::string placement = "contiguous";  // planner
  std::uint32_t replicas = 1;
  LossPolicy loss = LossPolicy::kReload;
  Duration start_deadline{120'000'000'000};  // all slots registered; then start with who is there
  Duration prepare_deadline{60'000'000'000};
  Duration heartbeat_interval{250'000'000};
  Duration tick_interval{50'000'000};
  double phi_dead = 8;
  Duration stuck_after{5'000'000'000};   // work is queued and the step counter stands still
  std::uint32_t attempts_max = 8;        // of one request
  std::uint32_t requests_max = 100'000;  // held in the ledger
};

}  // namespace switchyard::control

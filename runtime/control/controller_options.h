// runtime/control/controller_options.h -- how a cluster is to be kept: its size and roles, what to
// do after a loss, the budgets of the detectors. Plain values; the launcher fills them from the
// configuration. Thread safety: distinct objects: safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/control/backoff.h"
#include "runtime/control/balancing_config.h"
#include "runtime/control/evidence.h"
#include "runtime/control/health.h"
#include "runtime/control/phi_accrual.h"
#include "runtime/control/retry_budget.h"
#include "runtime/control/scaling_config.h"

namespace switchyard::control {

// What becomes of experts whose last copy died.
enum class LossPolicy : std::uint8_t {
  kReload,  // other ranks load them from the checkpoint
  kMask,    // their pairs are dropped, counted and reported
  kFail,    // requests that need them fail
};

// Where rows of requests of a regime (e.g. "eu/gdpr") may go. A regime without a rule is refused.
struct ResidencyRule {
  std::string regime;
  std::vector<std::string> regions;
};

struct ControllerOptions {
  std::uint32_t ranks = 1;  // slots, spares included
  std::uint32_t spares = 0;
  std::string placement = "contiguous";  // planner
  std::uint32_t replicas = 1;
  LossPolicy loss = LossPolicy::kReload;
  std::vector<ResidencyRule> residency;
  Duration start_deadline{120'000'000'000};  // all slots registered; then start with who is there
  // A rank that is to load for a view and reads no weight for so long has failed.
  Duration prepare_deadline{60'000'000'000};
  // Drain, scale, rebalance, place, replicas: done by then, or taken back.
  Duration change_deadline{300'000'000'000};
  Duration tick_interval{50'000'000};
  Duration rejoin_window{5'000'000'000};  // after a restart: nobody is declared dead in it
  Duration orphan_grace{1'000'000'000};   // a request that its router does not know any more
  // Requests fail when there was no router for so long; before the first view, so long after
  // start_deadline.
  Duration stranded_after{120'000'000'000};
  // Requests fail when experts without a copy have had nobody to load them for so long.
  Duration loss_wait{30'000'000'000};
  // A router that waits so long for a rank which has nothing to do asks it again.
  Duration ask_again_after{5'000'000'000};
  Duration residency_wait{10'000'000'000};  // for ranks that a request may use
  Duration leave_deadline{10'000'000'000};  // from Leave to the last Goodbye
  PhiConfig phi;                            // heartbeats
  HealthConfig health;  // reconnect_grace: a broken connection is death after it
  EvidenceConfig evidence;
  ScalingConfig scaling = no_scaling();
  BalancingConfig balancing;
  std::uint32_t attempts_max = 8;  // of one request
  RetryBudgetConfig retries;       // attempts after the first that no death explains
  // Before each of those; its attempts_max is of no account, that above is.
  BackoffConfig retry_wait{std::chrono::milliseconds(50), std::chrono::seconds(1), 1};
  std::uint64_t seed = 0;                    // of the waits
  std::uint32_t requests_max = 100'000;      // held in the ledger
  Duration results_kept{600'000'000'000};    // after a client has been told
  std::uint32_t open_per_router_max = 1024;  // assigned at once; the others wait here
  // Of results and last words on their way to one client that watches; well below what the server
  // keeps for a connection at most (runtime/net/peer.h).
  std::size_t watch_window_bytes = std::size_t{16} << 20;
  std::uint32_t spawns_max = 0;             // processes to start in place of dead ones, in all
  Duration spawn_deadline{60'000'000'000};  // from the wish for one to its registration
};

}  // namespace switchyard::control

#include "runtime/control/event_kinds.h"

#include <algorithm>
#include <array>

namespace switchyard::control {
namespace {

constexpr auto kKinds = std::to_array<EventKind>({
    {"breaker_closed", Seriousness::kInfo},
    {"breaker_opened", Seriousness::kWarning},
    {"breaker_probing", Seriousness::kInfo},
    {"drain_asked", Seriousness::kInfo},
    {"drain_done", Seriousness::kInfo},
    {"drain_taken_back", Seriousness::kWarning},
    {"ending_now", Seriousness::kInfo},
    {"epoch_retired", Seriousness::kInfo},
    {"epoch_unknown", Seriousness::kWarning},
    {"experts_masked", Seriousness::kError},
    {"journal_failed", Seriousness::kError},
    {"journal_restored", Seriousness::kInfo},
    {"leaving", Seriousness::kInfo},
    {"peer_rejected", Seriousness::kWarning},
    {"plan_failed", Seriousness::kWarning},
    {"rank_dead", Seriousness::kWarning},
    {"rank_joined", Seriousness::kInfo},
    {"rank_left", Seriousness::kInfo},
    {"rank_lost", Seriousness::kWarning},
    {"rank_refused", Seriousness::kWarning},
    {"rank_resumed", Seriousness::kInfo},
    {"rank_spawn", Seriousness::kInfo},
    {"rebalance_abandoned", Seriousness::kWarning},
    {"rebalance_advice", Seriousness::kInfo},
    {"rebalance_asked", Seriousness::kInfo},
    {"rebalance_begun", Seriousness::kInfo},
    {"rebalance_done", Seriousness::kInfo},
    {"rebalance_unneeded", Seriousness::kInfo},
    {"replicas_asked", Seriousness::kInfo},
    {"replicas_done", Seriousness::kInfo},
    {"replicas_restored", Seriousness::kInfo},
    {"replicas_short", Seriousness::kWarning},
    {"replicas_taken_back", Seriousness::kWarning},
    {"request_assigned", Seriousness::kInfo},
    {"request_done", Seriousness::kInfo},
    {"request_failed", Seriousness::kWarning},
    {"request_released", Seriousness::kWarning},
    {"request_resumed", Seriousness::kInfo},
    {"requests_moved", Seriousness::kInfo},
    {"requests_released", Seriousness::kWarning},
    {"retries_short", Seriousness::kWarning},
    {"scale_asked", Seriousness::kInfo},
    {"scale_taken_back", Seriousness::kWarning},
    {"scaling_act", Seriousness::kInfo},
    {"scaling_advice", Seriousness::kInfo},
    {"scaling_hold", Seriousness::kInfo},
    {"scaling_refused", Seriousness::kWarning},
    {"spawn_failed", Seriousness::kWarning},
    {"stopped", Seriousness::kInfo},
    {"tokens_differ", Seriousness::kError},
    {"undrain_asked", Seriousness::kInfo},
    {"view_committed", Seriousness::kInfo},
    {"view_preparing", Seriousness::kInfo},
    {"view_rolled_back", Seriousness::kWarning},
    {"waiting_for_ranks", Seriousness::kWarning},
    {"wish_given_up", Seriousness::kWarning},
});
static_assert(std::ranges::is_sorted(kKinds, {}, &EventKind::kind));

}  // namespace

std::span<const EventKind> event_kinds() { return kKinds; }

Seriousness seriousness_of(std::string_view kind) {
  const auto found = std::ranges::lower_bound(kKinds, kind, {}, &EventKind::kind);
  return found == kKinds.end() || found->kind != kind ? Seriousness::kInfo : found->seriousness;
}

}  // namespace switchyard::control

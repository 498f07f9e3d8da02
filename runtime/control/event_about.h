// runtime/control/event_about.h -- the structured part of an event: made for a rank, a view or a
// request, and as JSON for logs and status. Thread safety: functions without state.
#pragma once

#include <nlohmann/json.hpp>

#include "runtime/control/ledger.h"
#include "runtime/control/messages.h"

namespace switchyard::control {

[[nodiscard]] EventAbout about_rank(RankId rank);
[[nodiscard]] EventAbout about_epoch(Epoch epoch);
// With its trace id, and the rank that has to do with it.
[[nodiscard]] EventAbout about_request(const Request& request, RankId rank);
[[nodiscard]] EventAbout about_request(const Request& request);

// {"rank", "epoch", "request", "trace_id"}: those that apply.
[[nodiscard]] nlohmann::json about_json(const EventAbout& about);

}  // namespace switchyard::control

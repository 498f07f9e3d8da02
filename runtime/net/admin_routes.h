// runtime/net/admin_routes.h -- the routes of the admin port and what their bodies may say. A route
// that is not in the table does not exist. Not HTTP itself (request_head.h, admin_http.h).
// Thread safety: functions without state.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/control/messages.h"
#include "runtime/net/http_refusal.h"
#include "runtime/net/request_head.h"
#include "runtime/net/secret.h"

namespace switchyard::net {

enum class AdminPage { kHealth, kReady, kMetrics, kCluster, kCommand };

// What the body of a command is: the number that goes with it, or a plan (docs/PLAN.md).
enum class BodyIs { kAmount, kPlan };

struct AdminRoute {
  std::string_view method;
  std::string_view path;
  AdminPage page;
  control::Wish wish;       // of kCommand
  std::string_view amount;  // the key of its number in the body; empty: none
  BodyIs body = BodyIs::kAmount;
};

// The route of a request whose head was accepted. 404, 405, 401 (all but /healthz ask for `token`
// where there is one), 415.
[[nodiscard]] HttpResult<const AdminRoute*> find_route(const RequestHead& head,
                                                       const Secret& token);

// The body of a command: {"expert_ranks": N}, {"rank": R}, {"replicas": N}, {} or nothing, with 400
// naming the key; or a plan, which the controller reads.
[[nodiscard]] HttpResult<control::Message> read_wish(const AdminRoute& route, std::string body);

// The HTTP status of what the controller answered: 200, 409 while a change is under way, 400.
[[nodiscard]] unsigned status_of(const control::Answer& answer);

}  // namespace switchyard::net

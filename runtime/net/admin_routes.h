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

// What callers see who bring no token, where one is asked for.
enum class OpenPages {
  kHealth,  // /healthz
  kProbes,  // /healthz, /readyz and /metrics: what probes and Prometheus ask, and changes nothing
};

// The route of a request whose head was accepted. 404, 405, 401 (all but the `open` pages ask for
// `token` where there is one). Of commands also 403 and 415: a page in somebody's browser that
// means this port cannot hide its Origin, nor say without the leave of CORS, which nobody gets
// here, that it sends JSON.
[[nodiscard]] HttpResult<const AdminRoute*> find_route(const RequestHead& head, const Secret& token,
                                                       OpenPages open);

// Whether it is for those alone who bring the token, where there is one.
[[nodiscard]] bool needs_token(const AdminRoute& route, OpenPages open);

// The body of a command: {"expert_ranks": N}, {"rank": R}, {"replicas": N}, {} or nothing, with 400
// naming the key; or a plan, which the controller reads.
[[nodiscard]] HttpResult<control::Message> read_wish(const AdminRoute& route, std::string body);

// The HTTP status of what the controller answered: 200, 409 while a change is under way, 400.
[[nodiscard]] unsigned status_of(const control::Answer& answer);

}  // namespace switchyard::net

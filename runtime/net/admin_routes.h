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

struct AdminRoute {
  std::string_view method;
  std::string_view path;
  AdminPage page;
  control::Wish wish;       // of kCommand
  std::string_view amount;  // the key of its number in the body; empty: none
};

// The route of a request whose head was accepted. 404, 405, 401 (all but /healthz ask for `token`
// where there is one), 415.
[[nodiscard]] HttpResult<const AdminRoute*> find_route(const RequestHead& head,
                                                       const Secret& token);

// The body of a command: {"expert_ranks": N}, {"rank": R}, {} or nothing. 400 naming the key.
[[nodiscard]] HttpResult<control::Command> read_command(const AdminRoute& route,
                                                        std::string_view body);

// The HTTP status of what the controller answered: 200, 409 while a change is under way, 400.
[[nodiscard]] unsigned status_of(const control::Answer& answer);

}  // namespace switchyard::net

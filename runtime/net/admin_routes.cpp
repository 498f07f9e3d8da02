#include "runtime/net/admin_routes.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "runtime/base/error.h"

namespace switchyard::net {
namespace {

using control::Wish;

constexpr std::array kRoutes{
    AdminRoute{"GET", "/healthz", AdminPage::kHealth, Wish::kStatus, ""},
    AdminRoute{"GET", "/readyz", AdminPage::kReady, Wish::kStatus, ""},
    AdminRoute{"GET", "/metrics", AdminPage::kMetrics, Wish::kStatus, ""},
    AdminRoute{"GET", "/v1/cluster", AdminPage::kCluster, Wish::kStatus, ""},
    AdminRoute{"POST", "/v1/scale", AdminPage::kCommand, Wish::kScale, "expert_ranks"},
    AdminRoute{"POST", "/v1/drain", AdminPage::kCommand, Wish::kDrain, "rank"},
    AdminRoute{"POST", "/v1/undrain", AdminPage::kCommand, Wish::kUndrain, "rank"},
    AdminRoute{"POST", "/v1/rebalance", AdminPage::kCommand, Wish::kRebalance, ""},
    AdminRoute{"POST", "/v1/replicas", AdminPage::kCommand, Wish::kReplicas, "replicas"},
    AdminRoute{"POST", "/v1/place", AdminPage::kCommand, Wish::kStatus, "", BodyIs::kPlan},
};

bool is_open(AdminPage page, OpenPages open) {
  if (page == AdminPage::kHealth) return true;
  return open == OpenPages::kProbes && (page == AdminPage::kReady || page == AdminPage::kMetrics);
}

bool has_token(const RequestHead& head, const Secret& token) {
  constexpr std::string_view kScheme = "Bearer ";
  if (token.empty()) return true;
  if (!head.authorization || !head.authorization->starts_with(kScheme)) return false;
  return token.matches(std::string_view(*head.authorization).substr(kScheme.size()));
}

// "application/json", with or without parameters.
bool is_json(const std::optional<std::string>& type) {
  constexpr std::string_view kJson = "application/json";
  if (!type) return false;
  std::string word = type->substr(0, type->find(';'));
  word.erase(word.find_last_not_of(" \t") + 1);
  std::ranges::transform(word, word.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return word == kJson;
}

}  // namespace

bool needs_token(const AdminRoute& route, OpenPages open) { return !is_open(route.page, open); }

HttpResult<const AdminRoute*> find_route(const RequestHead& head, const Secret& token,
                                         OpenPages open) {
  const auto path = std::string_view(head.target).substr(0, head.target.find('?'));
  const auto same_path = [path](const AdminRoute& route) { return route.path == path; };
  const auto* found = std::ranges::find_if(kRoutes, same_path);
  // Who may not ask is not told what there is.
  const bool guarded = found == kRoutes.end() || needs_token(*found, open);
  if (guarded && !has_token(head, token)) {
    return refuse(401, "unauthorized", "a bearer token is needed");
  }
  if (found == kRoutes.end()) return refuse(404, "unknown_route", "there is no such route");
  if (found->method != head.method) {
    return refuse(405, "wrong_method", fmt::format("{} takes {}", found->path, found->method));
  }
  if (found->page != AdminPage::kCommand) return found;
  if (head.origin) return refuse(403, "web_page", "pages of a browser give no commands here");
  if (!is_json(head.content_type)) {
    return refuse(415, "wrong_type",
                  "a POST needs Content-Type: application/json, also without a body");
  }
  return found;
}

namespace {

HttpResult<control::Command> read_command(const AdminRoute& route, std::string_view body) {
  control::Command command{route.wish, 0};
  if (route.amount.empty() && body.empty()) return command;
  using nlohmann::json;
  std::size_t keys = 0;
  const json::parser_callback_t count = [&keys](int, json::parse_event_t event, json&) {
    keys += event == json::parse_event_t::key ? 1 : 0;
    return true;
  };
  const auto document = json::parse(body, count, false);
  if (!document.is_object()) return refuse(400, "bad_body", "the body is not a JSON object");
  // The parser keeps the last of several; another reader on the way may have kept the first.
  if (keys > 1) return refuse(400, "bad_body", "the body takes one key, once");
  for (const auto& [key, value] : document.items()) {
    if (key != route.amount) {
      return refuse(400, "bad_body",
                    route.amount.empty()
                        ? "the body takes no keys"
                        : fmt::format("the body takes the key '{}' and no other", route.amount));
    }
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > UINT32_MAX) {
      return refuse(400, "bad_body", fmt::format("'{}' is a number from 0", route.amount));
    }
    command.amount = value.get<std::uint32_t>();
  }
  if (!route.amount.empty() && document.empty()) {
    return refuse(400, "bad_body", fmt::format("the body needs '{}'", route.amount));
  }
  return command;
}

}  // namespace

HttpResult<control::Message> read_wish(const AdminRoute& route, std::string body) {
  if (route.body == BodyIs::kPlan) return control::Message(control::Place{std::move(body)});
  auto command = read_command(route, body);
  if (!command) return tl::unexpected(std::move(command).error());
  return control::Message(*command);
}

unsigned status_of(const control::Answer& answer) {
  if (answer.accepted) return 200;
  return answer.code == "busy" ? 409 : 400;
}

}  // namespace switchyard::net

#include "launcher/commands/status.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "launcher/controller_access.h"

namespace switchyard::launcher {
namespace {

using nlohmann::json;

std::string text_of(const json& document, const char* key) {
  const auto found = document.find(key);
  if (found == document.end() || found->is_null()) return "-";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string role_of(const json& rank, const json& view) {
  const auto members = view.find("members");
  if (members != view.end()) {
    for (const auto& member : *members) {
      if (text_of(member, "rank") != text_of(rank, "rank")) continue;
      const bool router = text_of(member, "router") == "true";
      const bool expert = text_of(member, "expert") == "true";
      return router && expert ? "router+expert" : router ? "router" : "expert";
    }
  }
  return "-";
}

double number_of(const json& document, const char* key) {
  const auto found = document.find(key);
  return found != document.end() && found->is_number() ? found->get<double>() : 0;
}

void print_rank(const json& rank, const json& view) {
  std::printf("%4s  %-10s %-14s %-9s %-12s %-12s %6s %7.1f  %s\n", text_of(rank, "rank").c_str(),
              text_of(rank, "state").c_str(), role_of(rank, view).c_str(),
              text_of(rank, "health").c_str(), text_of(rank, "host").c_str(),
              text_of(rank, "region").c_str(), text_of(rank, "open_requests").c_str(),
              number_of(rank, "tokens_per_s"), text_of(rank, "health_text").c_str());
}

void print_text(const json& status) {
  const json cluster = status.value("cluster", json::object());
  const json view = status.value("view", json());
  const json requests = status.value("requests", json::object());
  std::printf("cluster   %s, epoch %s, %s slots\n", text_of(cluster, "phase").c_str(),
              view.is_object() ? text_of(view, "epoch").c_str() : "-",
              text_of(cluster, "slots").c_str());
  std::printf("requests  %s submitted, %s open, %s waiting, %s done\n",
              text_of(requests, "submitted").c_str(), text_of(requests, "open").c_str(),
              text_of(requests, "waiting").c_str(), text_of(requests, "done").c_str());
  const json change = status.value("transaction", json());
  if (change.is_object()) {
    std::printf("change    epoch %s is being prepared: %s\n", text_of(change, "epoch").c_str(),
                text_of(change, "cause").c_str());
  }
  static const json::json_pointer kTrouble("/parts/journal/trouble");
  if (const std::string trouble = status.value(kTrouble, std::string()); !trouble.empty()) {
    std::printf("journal   %s\n", trouble.c_str());
  }
  std::printf("\n%4s  %-10s %-14s %-9s %-12s %-12s %6s %7s\n", "rank", "state", "role", "health",
              "host", "region", "open", "tok/s");
  for (const auto& rank : status.value("ranks", json::array())) print_rank(rank, view);
}

class StatusCommand final : public Command {
 public:
  std::string_view name() const override { return "status"; }
  std::string_view summary() const override { return "show a running cluster"; }
  std::string_view examples() const override {
    return "  switchyard status\n"
           "  switchyard status --controller 127.0.0.1:7070 --secret-file FILE --json\n";
  }
  UsesConfig uses_config() const override { return UsesConfig::kNo; }
  void add_flags(CLI::App& app) override { access_.add_flags(app); }
  Result<void> run(Invocation& invocation) override {
    SY_ASSIGN(const auto answer, access_.ask(invocation, {control::Wish::kStatus, 0}));
    const auto status = json::parse(answer.status, nullptr, false);
    if (!status.is_object()) {
      return fail(ErrorCode::kPeer, "the controller's status is not a JSON object");
    }
    if (access_.json()) {
      std::printf("%s\n", status.dump(2).c_str());
    } else {
      print_text(status);
    }
    return {};
  }

 private:
  ControllerAccess access_;
};

}  // namespace

std::unique_ptr<Command> make_status_command() { return std::make_unique<StatusCommand>(); }

}  // namespace switchyard::launcher

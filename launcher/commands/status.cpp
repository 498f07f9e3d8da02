#include "launcher/commands/status.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "launcher/cluster_text.h"
#include "launcher/controller_access.h"
#include "runtime/base/log_lines.h"

namespace switchyard::launcher {
namespace {

using nlohmann::json;

constexpr std::size_t kEventsShown = 8;

void print_lines(const std::vector<std::string>& lines) {
  for (const auto& line : lines) std::printf("%s\n", printable(line).c_str());
}

void print_text(const json& status) {
  print_lines(summary_lines(status));
  std::printf("\n");
  print_lines(rank_lines(status));
  const auto events = event_lines(status, kEventsShown);
  if (!events.empty()) std::printf("\n");
  print_lines(events);
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
  RunsOn runs_on() const override { return RunsOn::kFirstRank; }
  void add_flags(CLI::App& app) override { access_.add_flags(app); }
  Result<void> run(Invocation& invocation) override {
    SY_ASSIGN(const auto answer,
              access_.ask(invocation, control::Command{control::Wish::kStatus, 0}));
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

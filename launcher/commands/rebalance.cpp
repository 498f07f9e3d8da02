#include "launcher/commands/rebalance.h"

#include "launcher/controller_access.h"

namespace switchyard::launcher {
namespace {

class RebalanceCommand final : public Command {
 public:
  std::string_view name() const override { return "rebalance"; }
  std::string_view summary() const override {
    return "have a running cluster plan its placement anew";
  }
  std::string_view examples() const override { return "  switchyard rebalance\n"; }
  UsesConfig uses_config() const override { return UsesConfig::kNo; }
  RunsOn runs_on() const override { return RunsOn::kFirstRank; }
  void add_flags(CLI::App& app) override { access_.add_flags(app); }
  Result<void> run(Invocation& invocation) override {
    return access_.request(invocation, control::Command{control::Wish::kRebalance, 0},
                           "a new placement");
  }

 private:
  ControllerAccess access_;
};

}  // namespace

std::unique_ptr<Command> make_rebalance_command() { return std::make_unique<RebalanceCommand>(); }

}  // namespace switchyard::launcher

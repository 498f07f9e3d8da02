#include "launcher/commands/drain.h"

#include "launcher/controller_access.h"

namespace switchyard::launcher {
namespace {

class DrainCommand final : public Command {
 public:
  std::string_view name() const override { return "drain"; }
  std::string_view summary() const override {
    return "take a rank of a running cluster out of work";
  }
  std::string_view examples() const override {
    return "  switchyard drain 3\n"
           "  switchyard drain 3 --json\n";
  }
  UsesConfig uses_config() const override { return UsesConfig::kNo; }
  RunsOn runs_on() const override { return RunsOn::kFirstRank; }
  void add_flags(CLI::App& app) override {
    app.add_option("rank", rank_, "the rank")->required()->check(CLI::Range(0, 65'535));
    access_.add_flags(app);
  }
  Result<void> run(Invocation& invocation) override {
    return access_.request(invocation, control::Command{control::Wish::kDrain, rank_},
                           fmt::format("rank {} is drained", rank_));
  }

 private:
  ControllerAccess access_;
  std::uint32_t rank_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_drain_command() { return std::make_unique<DrainCommand>(); }

}  // namespace switchyard::launcher

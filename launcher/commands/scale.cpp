#include "launcher/commands/scale.h"

#include "launcher/controller_access.h"

namespace switchyard::launcher {
namespace {

class ScaleCommand final : public Command {
 public:
  std::string_view name() const override { return "scale"; }
  std::string_view summary() const override {
    return "ask a running cluster for a number of expert ranks";
  }
  std::string_view examples() const override {
    return "  switchyard scale 4\n"
           "  switchyard scale 2 --controller 127.0.0.1:7070 --secret-file FILE\n";
  }
  UsesConfig uses_config() const override { return UsesConfig::kNo; }
  void add_flags(CLI::App& app) override {
    app.add_option("expert_ranks", expert_ranks_, "expert ranks wanted")
        ->required()
        ->check(CLI::Range(1, 65'535));
    access_.add_flags(app);
  }
  Result<void> run(Invocation& invocation) override {
    return access_.request(invocation, {control::Wish::kScale, expert_ranks_},
                           fmt::format("{} expert ranks", expert_ranks_));
  }

 private:
  ControllerAccess access_;
  std::uint32_t expert_ranks_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_scale_command() { return std::make_unique<ScaleCommand>(); }

}  // namespace switchyard::launcher

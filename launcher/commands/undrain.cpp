#include "launcher/commands/undrain.h"

#include "launcher/controller_access.h"

namespace switchyard::launcher {
namespace {

class UndrainCommand final : public Command {
 public:
  std::string_view name() const override { return "undrain"; }
  std::string_view summary() const override {
    return "let a drained rank of a running cluster work again";
  }
  std::string_view examples() const override {
    return "  switchyard undrain 3\n"
           "  switchyard undrain 3 --json\n";
  }
  UsesConfig uses_config() const override { return UsesConfig::kNo; }
  void add_flags(CLI::App& app) override {
    app.add_option("rank", rank_, "the rank")->required()->check(CLI::Range(0, 65'535));
    access_.add_flags(app);
  }
  Result<void> run(Invocation& invocation) override {
    return access_.request(invocation, control::Command{control::Wish::kUndrain, rank_},
                           fmt::format("rank {} may work again", rank_));
  }

 private:
  ControllerAccess access_;
  std::uint32_t rank_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_undrain_command() { return std::make_unique<UndrainCommand>(); }

}  // namespace switchyard::launcher

#include "launcher/commands/scale.h"

#include "launcher/controller_access.h"

namespace switchyard::launcher {
namespace {

class ScaleCommand final : public Command {
 public:
  std::string_view name() const override { return "scale"; }
  std::string_view summary() const override {
    return "ask a running cluster for a number of expert ranks, or of copies of each expert";
  }
  std::string_view examples() const override {
    return "  switchyard scale 4\n"
           "  switchyard scale --replicas 2\n"
           "  switchyard scale 2 --controller 127.0.0.1:7070 --secret-file FILE\n";
  }
  UsesConfig uses_config() const override { return UsesConfig::kNo; }
  RunsOn runs_on() const override { return RunsOn::kFirstRank; }
  void add_flags(CLI::App& app) override {
    auto* ranks = app.add_option("expert_ranks", expert_ranks_, "expert ranks wanted")
                      ->check(CLI::Range(1, 65'535));
    app.add_option("--replicas", replicas_, "copies of each expert wanted, instead")
        ->check(CLI::Range(1, 1'024))
        ->excludes(ranks);
    access_.add_flags(app);
  }
  Result<void> run(Invocation& invocation) override {
    if (replicas_ != 0) {
      return access_.request(invocation, control::Command{control::Wish::kReplicas, replicas_},
                             fmt::format("{} copies of each expert", replicas_));
    }
    if (expert_ranks_ == 0) {
      return fail(ErrorCode::kUsage, "give a number of expert ranks, or --replicas N");
    }
    return access_.request(invocation, control::Command{control::Wish::kScale, expert_ranks_},
                           fmt::format("{} expert ranks", expert_ranks_));
  }

 private:
  ControllerAccess access_;
  std::uint32_t expert_ranks_ = 0;
  std::uint32_t replicas_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_scale_command() { return std::make_unique<ScaleCommand>(); }

}  // namespace switchyard::launcher

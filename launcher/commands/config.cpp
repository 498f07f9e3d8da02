#include "launcher/commands/config.h"

#include <cstdio>

#include "runtime/config/config_print.h"

namespace switchyard::launcher {
namespace {

class ConfigCommand final : public Command {
 public:
  std::string_view name() const override { return "config"; }
  std::string_view summary() const override {
    return "print the effective configuration and where each value came from";
  }
  std::string_view examples() const override {
    return "  switchyard config\n"
           "  SWITCHYARD_DEVICE_THREADS=1 switchyard config --preset demo --routers 2\n";
  }
  RunsOn runs_on() const override { return RunsOn::kFirstRank; }
  void add_flags(CLI::App& app) override { app.add_flag("--json", json_, "as a JSON document"); }
  Result<void> run(Invocation& invocation) override {
    const auto text =
        json_ ? config::config_json(invocation.config) : config::config_table(invocation.config);
    std::printf("%s%s", text.c_str(), text.ends_with('\n') ? "" : "\n");
    return {};
  }

 private:
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_config_command() { return std::make_unique<ConfigCommand>(); }

}  // namespace switchyard::launcher

#include "launcher/commands/kernels.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "comm/transport_table.h"
#include "kernels/device.h"
#include "launcher/cluster_run.h"
#include "launcher/kernel_table.h"

namespace switchyard::launcher {
namespace {

class KernelsCommand final : public Command {
 public:
  std::string_view name() const override { return "kernels"; }
  std::string_view summary() const override { return "say which kernels run here and why"; }
  std::string_view examples() const override {
    return "  switchyard kernels\n"
           "  switchyard kernels --precision fp32 --isa avx2\n"
           "  switchyard kernels --device cuda\n";
  }
  RunsOn runs_on() const override { return RunsOn::kFirstRank; }
  void add_flags(CLI::App& app) override { app.add_flag("--json", json_, "as a JSON document"); }
  Result<void> run(Invocation& invocation) override {
    SY_ASSIGN(const auto options, cluster_options(invocation.run()));
    SY_ASSIGN(const auto choices, kernels::explain_kernels(options.device_name, options.device));
    if (json_) {
      print_json(choices);
    } else {
      std::printf("%s\n%s", kernel_table(choices).c_str(),
                  transport_table(comm::list_transports()).c_str());
    }
    return {};
  }

 private:
  static void print_json(const std::vector<kernels::KernelChoice>& choices) {
    nlohmann::json document = {{"kernels", nlohmann::json::array()},
                               {"transports", nlohmann::json::array()}};
    for (const auto& choice : choices) {
      document["kernels"].push_back({{"op", choice.op},
                                     {"candidate", choice.candidate},
                                     {"chosen", choice.chosen},
                                     {"reason", choice.reason}});
    }
    for (const auto& entry : comm::list_transports()) {
      document["transports"].push_back(
          {{"name", entry.name},
           {"available", entry.availability == comm::Availability::kAvailable},
           {"text", entry.text}});
    }
    std::printf("%s\n", document.dump(2).c_str());
  }

  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_kernels_command() { return std::make_unique<KernelsCommand>(); }

}  // namespace switchyard::launcher

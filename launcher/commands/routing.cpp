#include "launcher/commands/routing.h"

#include <fmt/ranges.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "runtime/routing/router.h"

namespace switchyard::launcher {
namespace {

nlohmann::json routing_document() {
  nlohmann::json document;
  for (const auto& policy : routing::describe_policies()) {
    document["policies"].push_back(
        {{"name", policy.name}, {"summary", policy.summary}, {"keys", policy.keys}});
  }
  for (const auto& key : routing::describe_common_keys()) {
    document["common_keys"].push_back({{"name", key.name}, {"words", key.words}});
  }
  for (const auto& estimator : routing::describe_estimators()) {
    document["estimators"].push_back({{"name", estimator.name}, {"summary", estimator.summary}});
  }
  return document;
}

std::string routing_text() {
  std::string text = "A routing spec is NAME or NAME:key=value,key=value; auto is topk.\n\n";
  for (const auto& policy : routing::describe_policies()) {
    text += fmt::format("{:<11} {}\n{:<11} keys: {}\n", policy.name, policy.summary, "",
                        fmt::join(policy.keys, ", "));
  }
  text += "\nWith every policy (the first word is the default):\n";
  for (const auto& key : routing::describe_common_keys()) {
    text += fmt::format("  {}={}\n", key.name, fmt::join(key.words, " | "));
  }
  text += "\nEstimators of difficulty:estimator=\n";
  for (const auto& estimator : routing::describe_estimators()) {
    text += fmt::format("  {:<9} {}\n", estimator.name, estimator.summary);
  }
  return text;
}

class RoutingCommand final : public Command {
 public:
  std::string_view name() const override { return "routing"; }
  std::string_view summary() const override { return "list the routing policies and their keys"; }
  std::string_view examples() const override {
    return "  switchyard routing\n"
           "  switchyard routing --json\n";
  }
  UsesConfig uses_config() const override { return UsesConfig::kNo; }
  RunsOn runs_on() const override { return RunsOn::kFirstRank; }
  void add_flags(CLI::App& app) override { app.add_flag("--json", json_, "as a JSON document"); }
  Result<void> run(Invocation& /*invocation*/) override {
    const auto text = json_ ? routing_document().dump(2) + "\n" : routing_text();
    std::fwrite(text.data(), 1, text.size(), stdout);
    return {};
  }

 private:
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_routing_command() { return std::make_unique<RoutingCommand>(); }

}  // namespace switchyard::launcher

#include "launcher/usage_error.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "runtime/config/key_table.h"

namespace switchyard::launcher {
namespace {

std::string suggestion(const std::string& name, const std::vector<std::string>& candidates) {
  const std::string best = config::nearest(name, candidates, 1 + name.size() / 3);
  return best.empty() ? "" : fmt::format("; did you mean {}?", best);
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// What was left over of an option's value ("--modle=x") does not belong to its name.
std::string name_of(const std::string& word) { return word.substr(0, word.find('=')); }

}  // namespace

std::string usage_text(const CLI::App& app, const CLI::ParseError& error) {
  const auto parsed = app.get_subcommands();
  const CLI::App& command = parsed.empty() ? app : *parsed.front();
  const std::string see = parsed.empty() ? "switchyard --help"
                                         : fmt::format("switchyard {} --help", command.get_name());
  const std::vector<std::string> words = app.remaining(true);
  const auto option =
      std::ranges::find_if(words, [](const std::string& word) { return word.starts_with('-'); });
  if (option != words.end()) {
    const std::string name = name_of(*option);
    if (parsed.empty()) return fmt::format("option {} before a command (see {})", name, see);
    return fmt::format("unknown option {}{} (see {})", name,
                       suggestion(name, option_names(command)), see);
  }
  if (parsed.empty()) {
    const auto names = command_names(app);
    const std::string wrong =
        words.empty() ? "no command is named"
                      : fmt::format("unknown command {}{}", config::show_text(words.front()),
                                    suggestion(words.front(), names));
    return fmt::format("{}; there are: {} (see {})", wrong, fmt::join(names, ", "), see);
  }
  if (!words.empty()) {
    return fmt::format("{} is not expected here; see {}", config::show_text(words.front()), see);
  }
  return fmt::format("{} (see {})", error.what(), see);
}

}  // namespace switchyard::launcher

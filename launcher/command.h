// launcher/command.h -- what a command of the binary is: a name, its flags, its work.
// One file a command in launcher/commands; command_table.cpp lists them.
// Thread: the main thread.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "comm/worlds.h"
#include "launcher/served_program.h"
#include "runtime/base/error.h"
#include "runtime/config/config_sources.h"

namespace switchyard::launcher {

// What a command gets to work with besides its own flags.
struct Invocation {
  config::EffectiveConfig config;
  std::map<std::string, std::string> environment;
  int* argc = nullptr;  // MPI takes its own arguments out
  char*** argv = nullptr;

  [[nodiscard]] comm::EnvLookup env() const {
    return [this](const char* name) -> const char* {
      const auto found = environment.find(name);
      return found == environment.end() ? nullptr : found->second.c_str();
    };
  }
  [[nodiscard]] const config::RunConfig& run() const noexcept { return config.run; }
};

// Which of the shared flags a command takes.
enum class UsesConfig { kNo, kYes };

// Under mpirun: each rank does its part of the command, or one of them does all and the others
// nothing.
enum class RunsOn { kEveryRank, kFirstRank };

class Command {
 public:
  virtual ~Command() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual std::string_view summary() const = 0;   // one line
  [[nodiscard]] virtual std::string_view examples() const = 0;  // for --help
  [[nodiscard]] virtual UsesConfig uses_config() const { return UsesConfig::kYes; }
  [[nodiscard]] virtual RunsOn runs_on() const { return RunsOn::kEveryRank; }
  virtual void add_flags(CLI::App& app) = 0;
  // What `launch` runs on its cluster; null where this command runs under plain mpirun only.
  [[nodiscard]] virtual std::unique_ptr<ServedProgram> serve(const config::RunConfig& /*run*/) {
    return nullptr;
  }
  [[nodiscard]] virtual Result<void> run(Invocation& invocation) = 0;
};

// All commands, in the order of `--help`.
[[nodiscard]] std::vector<std::unique_ptr<Command>> make_commands();

}  // namespace switchyard::launcher

#include "launcher/command_line.h"

#include <signal.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>

#include "comm/worlds.h"
#include "launcher/command.h"
#include "launcher/config_flags.h"
#include "launcher/exit_code.h"
#include "launcher/usage_error.h"

namespace switchyard::launcher {
namespace {

std::map<std::string, std::string> read_environment(char** environment) {
  std::map<std::string, std::string> variables;
  for (char** entry = environment; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string::npos) variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return variables;
}

// Under mpirun every rank sees the same mistake; one of them says so.
bool speaks(const std::map<std::string, std::string>& environment) {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    const auto found = environment.find(name);
    if (found != environment.end()) return found->second == "0";
  }
  return true;
}

// How long the first rank may take to fail in the same way, or to join without error.
constexpr std::chrono::seconds kFirstRankPatience{30};

int report_error(const Error& error, bool speak) {
  const int code = exit_code(error.code);
  const auto tell = [&error] {
    std::fprintf(stderr, "switchyard: error: %s\n", error.message.c_str());
    std::fflush(stderr);
  };
  // mpirun ends the job at the first failure that it sees: a silent one would hide the first
  // rank's.
  if (speak) {
    tell();
  } else if (comm::started_by_mpi_launcher([](const char* name) { return std::getenv(name); })) {
    comm::follow_first_rank(code, kFirstRankPatience, tell);
  }
  return code;
}

// A text that was lost on its way out is no success.
int finish_output(int code, bool speak) {
  const bool lost = std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout.flush();
  if (!lost || code != kExitOk) return code;
  return report_error({ErrorCode::kIo, ErrorScope::kOperation,
                       fmt::format("stdout cannot be written: {}", std::strerror(errno))},
                      speak);
}

struct Entry {
  std::unique_ptr<Command> command;
  CLI::App* app = nullptr;
  std::unique_ptr<ConfigFlags> flags;
};

std::vector<Entry> add_commands(CLI::App& app) {
  std::vector<Entry> entries;
  for (auto& command : make_commands()) {
    Entry entry;
    entry.app = app.add_subcommand(std::string(command->name()), std::string(command->summary()));
    entry.app->footer("Examples:\n" + std::string(command->examples()));
    command->add_flags(*entry.app);
    entry.flags = std::make_unique<ConfigFlags>();
    if (command->uses_config() == UsesConfig::kYes) entry.flags->add_to(*entry.app);
    entry.command = std::move(command);
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<void> run_entry(Entry& entry, std::map<std::string, std::string> environment, int* argc,
                       char*** argv) {
  Invocation invocation;
  SY_ASSIGN(invocation.config, entry.flags->resolve(environment));
  invocation.environment = std::move(environment);
  invocation.argc = argc;
  invocation.argv = argv;
  return entry.command->run(invocation);
}

int run_words(int argc, char** argv, char** environment) {
  auto variables = read_environment(environment);
  const bool speak = speaks(variables);
  CLI::App app(
      "Switchyard runs Mixture-of-Experts models over the ranks of a cluster: router ranks decide\n"
      "per token how many experts it needs and which, expert ranks answer, and the result is the\n"
      "same to the bit however many ranks there are.\n"
      "Alone it is one process; under `mpirun -n N switchyard ...` the ranks find each other.");
  app.name("switchyard");
  app.set_version_flag("--version", "switchyard " SWITCHYARD_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Every setting: `switchyard config`. Routing policies and their keys: `switchyard routing`.\n"
      "Exit codes: 0 done, 2 usage, 3 configuration, 4 bad or missing input, 5 communication,\n"
      "6 file system, 7 not in this build, 70 internal, 130 interrupted.");
  auto entries = add_commands(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      if (speak) (void)app.exit(error);
      return kExitOk;
    }
    return report_error({ErrorCode::kUsage, ErrorScope::kOperation, usage_text(app, error)}, speak);
  }
  for (auto& entry : entries) {
    if (!entry.app->parsed()) continue;
    if (!speak && entry.command->runs_on() == RunsOn::kFirstRank) return kExitOk;
    const auto outcome = run_entry(entry, std::move(variables), &argc, &argv);
    return outcome ? kExitOk : report_error(outcome.error(), speak);
  }
  return kExitUsage;
}

}  // namespace

int run_command_line(int argc, char** argv, char** environment) {
  const bool speak = speaks(read_environment(environment));
  // A reader that has gone is an error of the write, not the end of the process amid its work.
  (void)::signal(SIGPIPE, SIG_IGN);
  try {
    return finish_output(run_words(argc, argv, environment), speak);
  } catch (const std::exception& error) {
    return report_error({ErrorCode::kInternal, ErrorScope::kOperation, error.what()}, speak);
  }
}

}  // namespace switchyard::launcher

#include "tests/command/run_command.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace switchyard::tests {
namespace {

std::string joined(const Arguments& arguments) {
  std::string text;
  for (const auto& argument : arguments) text += " " + quoted(argument);
  return text;
}

std::string mpirun_line(const std::string& flags) {
  return "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 timeout -k 10 600 " +
         quoted(SWITCHYARD_MPIRUN) + " --oversubscribe " + flags;
}

std::string program_line(int ranks, const Arguments& arguments) {
  return " -n " + std::to_string(ranks) + " " + quoted(binary_path()) + joined(arguments);
}

}  // namespace

nlohmann::json Outcome::json() const { return nlohmann::json::parse(out, nullptr, false); }

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') {
      result += "'\\''";
    } else {
      result += c;
    }
  }
  return result + "'";
}

std::string source_path(const std::string& relative) {
  return std::string(SWITCHYARD_SOURCE_DIR) + "/" + relative;
}

std::string binary_path() { return SWITCHYARD_BINARY; }

std::string mpirun_path() { return SWITCHYARD_MPIRUN; }

Outcome run_shell(const std::string& shell) {
  const ScratchFolder scratch;
  Outcome outcome;
  outcome.command = shell;
  const std::string line =
      "( " + shell + " ) >" + scratch.path("out") + " 2>" + scratch.path("err");
  const int status = std::system(line.c_str());
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  outcome.out = read_file(scratch.path("out"));
  outcome.err = read_file(scratch.path("err"));
  return outcome;
}

Outcome run_alone(const Arguments& arguments, const std::string& input) {
  const ScratchFolder scratch;
  const std::string from = input.empty() ? "/dev/null" : scratch.write("in", input);
  return run_shell(quoted(binary_path()) + joined(arguments) + " <" + from);
}

Outcome run_prefixed(const std::string& prefix, const Arguments& arguments) {
  return run_shell(prefix + " " + quoted(binary_path()) + joined(arguments) + " </dev/null");
}

Outcome run_under_mpi(int ranks, const Arguments& arguments, const std::string& mpirun_flags) {
  return run_shell(mpirun_line(mpirun_flags) + program_line(ranks, arguments) + " </dev/null");
}

Outcome run_under_mpi_each(const std::vector<Arguments>& ranks) {
  std::string programs;
  for (const auto& arguments : ranks) {
    programs += (programs.empty() ? "" : " :") + program_line(1, arguments);
  }
  return run_shell(mpirun_line({}) + programs + " </dev/null");
}

ScratchFolder::ScratchFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "switchyard-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  root_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code error;
  std::filesystem::remove_all(root_, error);
}

std::string ScratchFolder::write(const std::string& name, const std::string& content) const {
  std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
  std::ofstream(path(name), std::ios::binary) << content;
  return path(name);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace switchyard::tests

// tests/command/run_command.h -- runs the switchyard binary, alone or under mpirun, and keeps what
// it printed. For tests only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace switchyard::tests {

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
  std::string command;  // to repeat it by hand

  // The JSON document on stdout; a discarded value when there is none.
  [[nodiscard]] nlohmann::json json() const;
};

using Arguments = std::vector<std::string>;

// switchyard ARGS
[[nodiscard]] Outcome run_alone(const Arguments& arguments, const std::string& input = {});
// PREFIX switchyard ARGS: in another namespace, under another environment.
[[nodiscard]] Outcome run_prefixed(const std::string& prefix, const Arguments& arguments);
// mpirun -n RANKS switchyard ARGS, oversubscribed, as root or not. One that hangs is ended after
// ten minutes: exit code 124. `mpirun_flags`: a piece of shell, e.g. --mca btl self,tcp.
[[nodiscard]] Outcome run_under_mpi(int ranks, const Arguments& arguments,
                                    const std::string& mpirun_flags = {});
// The same where each rank has arguments of its own: one list a rank.
[[nodiscard]] Outcome run_under_mpi_each(const std::vector<Arguments>& ranks);
// Any program, for tests of signals and environments: `shell` is a line for /bin/sh.
[[nodiscard]] Outcome run_shell(const std::string& shell);

[[nodiscard]] std::string quoted(const std::string& text);
[[nodiscard]] std::string source_path(const std::string& relative);
[[nodiscard]] std::string binary_path();
[[nodiscard]] std::string mpirun_path();

// A folder that is removed with its content.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return root_ + "/" + name; }
  // Writes a file and returns its path.
  std::string write(const std::string& name, const std::string& content) const;

 private:
  std::string root_;
};

[[nodiscard]] std::string read_file(const std::string& path);

}  // namespace switchyard::tests

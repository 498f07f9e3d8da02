// launcher/launch/child_process.h -- one process that this one started and must end. In a session
// of its own, so that a Ctrl-C on the terminal reaches only the launcher, which then stops in
// order. Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"

namespace switchyard::launcher {

class ChildProcess {
 public:
  // words[0]: the program, looked up in PATH. Its output is appended to `log_file`. Errors:
  // kNotFound, kIo.
  [[nodiscard]] static Result<ChildProcess> start(const std::vector<std::string>& words,
                                                  const std::string& log_file);
  ChildProcess(ChildProcess&& other) noexcept : pid_(other.pid_), exit_(other.exit_) {
    other.pid_ = 0;
  }
  ChildProcess& operator=(ChildProcess&&) = delete;
  // Kills its whole session if it still runs.
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  // How it ended: its exit code, or 128 + the signal; nothing while it runs. Blocks: no.
  [[nodiscard]] std::optional<int> exit_code();
  // Waits for its end. Blocks: until the deadline.
  [[nodiscard]] std::optional<int> wait(const Clock& clock, Deadline deadline);
  // SIGTERM, then SIGKILL to its whole session.
  void end(Duration patience);

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_ = 0;
  std::optional<int> exit_;
};

}  // namespace switchyard::launcher

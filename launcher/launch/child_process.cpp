#include "launcher/launch/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>
#include <thread>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX wants it declared

namespace switchyard::launcher {
namespace {

constexpr Duration kPollInterval{5'000'000};

// The launcher blocks its stop signals to await them; its children must not.
void unblock_signals(posix_spawnattr_t& attributes) {
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const std::vector<std::string>& words,
                                         const std::string& log_file) {
  // A launcher that is killed takes its children along: setpriv (util-linux) has the kernel send
  // SIGTERM to the child when its parent dies.
  std::vector<std::string> line = words;
  const std::string_view guard = "/usr/bin/setpriv";
  if (::access(guard.data(), X_OK) == 0) {
    line.insert(line.begin(), {std::string(guard), "--pdeathsig", "TERM", "--"});
  }
  std::vector<char*> argv;
  for (const auto& word : line) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log_file.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  unblock_signals(attributes);
  pid_t pid = 0;
  const int code = ::posix_spawnp(&pid, argv[0], &files, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (code == ENOENT) {
    return fail(ErrorCode::kNotFound, "{}: no such program; is it installed?", line[0]);
  }
  if (code != 0) return fail(ErrorCode::kIo, "{}: {}", words[0], ::strerror(code));
  return ChildProcess(pid);
}

ChildProcess::~ChildProcess() {
  if (pid_ != 0 && !exit_code()) end(Duration::zero());
}

std::optional<int> ChildProcess::exit_code() {
  if (exit_ || pid_ == 0) return exit_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) {
    exit_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return exit_;
}

std::optional<int> ChildProcess::wait(const Clock& clock, Deadline deadline) {
  while (!exit_code() && !deadline.passed(clock)) std::this_thread::sleep_for(kPollInterval);
  return exit_;
}

void ChildProcess::end(Duration patience) {
  const SteadyClock clock;
  if (!exit_code()) ::kill(-pid_, SIGTERM);
  if (!wait(clock, Deadline::after(clock, patience))) {
    ::kill(-pid_, SIGKILL);
    (void)wait(clock, Deadline::after(clock, std::chrono::seconds(5)));
  }
}

}  // namespace switchyard::launcher

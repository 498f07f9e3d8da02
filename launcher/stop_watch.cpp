#include "launcher/stop_watch.h"

#include <signal.h>
#include <unistd.h>

#include <string_view>

#include "launcher/exit_code.h"
#include "runtime/base/stop_presses.h"

namespace switchyard::launcher {
namespace {

sigset_t stop_set() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  // A terminal that is closed; but not where nohup has it ignored: a signal that is awaited comes
  // all the same.
  struct sigaction hangup {};
  if (::sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) {
    sigaddset(&set, SIGHUP);
  }
  sigaddset(&set, SIGUSR1);  // mpirun passes it on and goes on reading what the ranks print
  return set;
}

}  // namespace

StopWatch::StopWatch(engine::StopSignals& signals) {
  const sigset_t set = stop_set();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this, &signals] { watch(signals); });
}

StopWatch::~StopWatch() {
  over_.store(true);
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
}

void StopWatch::watch(engine::StopSignals& signals) {
  const sigset_t set = stop_set();
  const SteadyClock clock;
  StopPresses presses;
  while (true) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0 || over_.load()) return;
    if (signal != SIGUSR1) job_may_end_.store(true);
    if (presses.take(clock.now()) == StopPresses::Press::kSecond) ::_exit(kExitInterrupted);
    if (!begun_.load()) {
      constexpr std::string_view kSaid = "\nswitchyard: stopped before anything was computed\n";
      [[maybe_unused]] const auto said = ::write(STDERR_FILENO, kSaid.data(), kSaid.size());
      ::_exit(kExitInterrupted);
    }
    signals.stop.store(true);
  }
}

}  // namespace switchyard::launcher

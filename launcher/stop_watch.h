// launcher/stop_watch.h -- turns SIGINT, SIGTERM, SIGHUP and SIGUSR1 into a clean stop.
// The signals are blocked in every thread and awaited in one: the first asks the run to finish with
// what it has, the second ends the process at once (exit code 130). So does the first while nothing
// has been computed: input is still read, or weights are loaded.
// SIGINT and SIGTERM may mean that a launcher above ends the whole job; SIGUSR1 only stops the run.
// Not SIGCONT, with which Open MPI's mpirun begins to end its ranks: it sends that as well when it
// is woken from a stop of its own.
// Make it before any other thread. Thread safety: one per process; job_may_end() from any thread.
#pragma once

#include <atomic>
#include <thread>

#include "runtime/engine/session.h"

namespace switchyard::launcher {

class StopWatch {
 public:
  explicit StopWatch(engine::StopSignals& signals);
  ~StopWatch();
  StopWatch(const StopWatch&) = delete;
  StopWatch& operator=(const StopWatch&) = delete;

  // From here on there is something to finish.
  void begun() noexcept { begun_.store(true); }
  // Whether SIGINT or SIGTERM has come so far.
  [[nodiscard]] bool job_may_end() const noexcept { return job_may_end_.load(); }

 private:
  void watch(engine::StopSignals& signals);

  std::atomic<bool> over_{false};
  std::atomic<bool> begun_{false};
  std::atomic<bool> job_may_end_{false};
  std::thread thread_;
};

}  // namespace switchyard::launcher

#include "runtime/base/cores.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

namespace switchyard {
namespace {

// 0: the system does not say, as for machines with more processors than a cpu_set_t holds.
std::size_t cores_of(pid_t process) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (::sched_getaffinity(process, sizeof mask, &mask) != 0) return 0;
  return static_cast<std::size_t>(CPU_COUNT(&mask));
}

}  // namespace

std::size_t usable_cores() {
  const std::size_t own = cores_of(0);
  return own != 0 ? own : std::max(1U, std::thread::hardware_concurrency());
}

std::size_t shared_cores() { return std::max(usable_cores(), cores_of(::getppid())); }

}  // namespace switchyard

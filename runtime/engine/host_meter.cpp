#include "runtime/engine/host_meter.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

namespace switchyard::engine {
namespace {

// The number behind a word at the start of a line, as in "MemTotal:  16 kB"; nothing: it is not
// there.
std::optional<std::uint64_t> number_after(const std::string& path, std::string_view word) {
  std::ifstream file(path);
  std::string name;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::uint64_t number = 0;
    if (fields >> name >> number && name == word) return number;
  }
  return std::nullopt;
}

// The only number of a file; nothing where there is none ("max").
std::optional<std::uint64_t> number_of(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

double share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return 0;
  return std::clamp(static_cast<double>(part) / static_cast<double>(whole), 0.0, 1.0);
}

double machine_memory_share(const std::string& root) {
  const auto total = number_after(root + "/proc/meminfo", "MemTotal:");
  const auto available = number_after(root + "/proc/meminfo", "MemAvailable:");
  if (!total || !available) return 0;
  return share(*total - std::min(*available, *total), *total);
}

struct GroupMemory {
  std::uint64_t used = 0;  // without what can be reclaimed
  std::uint64_t max = 0;
};

// Of the control group; nothing where it has no limit.
std::optional<GroupMemory> group_memory(const std::string& root) {
  const std::string group = root + "/sys/fs/cgroup/memory.";
  const auto most = number_of(group + "max");
  const auto now = number_of(group + "current");
  if (!most || !now) return std::nullopt;
  const auto cache = number_after(group + "stat", "inactive_file").value_or(0);
  return GroupMemory{*now - std::min(cache, *now), *most};
}

}  // namespace

double HostMeter::memory_share() const {
  const auto group = group_memory(root_);
  return std::max(machine_memory_share(root_), group ? share(group->used, group->max) : 0);
}

std::uint64_t HostMeter::memory_free_bytes() const {
  constexpr std::uint64_t kKiB = 1024;  // of /proc/meminfo
  const auto group = group_memory(root_);
  const std::uint64_t in_group = group ? group->max - std::min(group->used, group->max) : 0;
  const auto available = number_after(root_ + "/proc/meminfo", "MemAvailable:");
  if (!available) return in_group;
  return group ? std::min(*available * kKiB, in_group) : *available * kKiB;
}

double HostMeter::cpu_busy_share() {
  cpu_set_t mine;
  CPU_ZERO(&mine);
  if (::sched_getaffinity(0, sizeof mine, &mine) != 0) return 0;
  std::ifstream stat(root_ + "/proc/stat");
  std::uint64_t busy = 0;
  std::uint64_t all = 0;
  for (std::string line; std::getline(stat, line);) {
    if (!line.starts_with("cpu") || line.size() < 4 || line[3] == ' ') continue;
    std::istringstream fields(line.substr(3));
    std::size_t core = 0;
    std::array<std::uint64_t, 8> ticks{};  // user, nice, system, idle, iowait, irq, softirq, steal
    fields >> core;
    for (std::uint64_t& each : ticks) fields >> each;
    if (!fields || core >= CPU_SETSIZE || !CPU_ISSET(core, &mine)) continue;
    for (std::size_t i = 0; i < ticks.size(); ++i) {
      all += ticks[i];
      if (i != 3 && i != 4) busy += ticks[i];
    }
  }
  // The numbers of some kernels go back a little.
  const bool usable = all_ticks_ > 0 && all > all_ticks_ && busy >= busy_ticks_;
  const double out = usable ? share(busy - busy_ticks_, all - all_ticks_) : 0;
  busy_ticks_ = busy;
  all_ticks_ = all;
  return out;
}

}  // namespace switchyard::engine

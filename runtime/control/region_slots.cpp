#include "runtime/control/region_slots.h"

#include <algorithm>
#include <map>

namespace switchyard::control {

std::vector<std::size_t> region_slots(const std::vector<std::string>& regions, std::size_t experts,
                                      std::size_t copies) {
  std::map<std::string, std::size_t> ranks_in;
  for (const std::string& region : regions) ++ranks_in[region];
  const std::size_t wanted = experts * std::min(std::max(copies, ranks_in.size()), regions.size());
  std::vector<std::size_t> needed;  // for one copy of all in the rank's region
  for (const std::string& region : regions) {
    needed.push_back((experts + ranks_in[region] - 1) / ranks_in[region]);
  }
  std::vector<std::size_t> slots = needed;
  for (std::size_t level = 0; level <= experts; ++level) {
    std::size_t all = 0;
    for (std::size_t r = 0; r < slots.size(); ++r) all += slots[r] = std::max(level, needed[r]);
    if (all >= wanted) break;
  }
  return slots;
}

}  // namespace switchyard::control

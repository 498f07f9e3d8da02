// Fuzzes plan files: a plan that is accepted is written and read back as the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/placement/plan_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace placement = switchyard::placement;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(placement::parse_rank_list(text, "ranks.json"));
  const auto plan = placement::parse_plan(text, "plan.json");
  if (!plan) return 0;
  const std::string written = placement::plan_to_json(*plan);
  const auto again = placement::parse_plan(written, "written");
  if (!again || placement::plan_to_json(*again) != written) std::abort();
  return 0;
}

// Fuzzes trace files: of one that is accepted every pair is counted once.
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <string_view>

#include "runtime/placement/load_trace.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto trace = switchyard::placement::LoadTrace::parse(text, "trace.jsonl");
  if (!trace) return 0;
  const auto loads = trace->loads(trace->all());
  const auto pairs = std::accumulate(loads.begin(), loads.end(), std::uint64_t{0});
  const auto most = trace->tokens(trace->all()) * trace->layers() * trace->experts();
  if (loads.size() != trace->layers() * trace->experts() || pairs > most) std::abort();
  return 0;
}

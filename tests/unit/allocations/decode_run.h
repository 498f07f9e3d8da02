// tests/unit/allocations/decode_run.h -- one rank of a run on a small random model whose lead
// counts the allocations of its program while it decodes. Over any transport, for threads and for
// processes. Thread safety: distinct ranks may run in distinct threads.
#pragma once

#include <cstdint>
#include <string>

#include "comm/transport.h"
#include "runtime/engine/cluster_options.h"

namespace switchyard::tests {

struct DecodeRun {
  std::size_t routers = 1;
  engine::Colocation colocation = engine::Colocation::kApart;
  std::string routing = "topk:k=2";
  float temperature = 0;
  std::uint64_t show = 0;  // print where so many of the allocations come from
};

struct DecodeCounts {
  std::uint64_t steps = 0;        // decode steps of the lead that were watched
  std::uint64_t allocations = 0;  // of this program meanwhile, all threads
};

// Rank 0 leads and returns its counts; the others follow and return zeros. Leaves the world.
[[nodiscard]] Result<DecodeCounts> run_rank(const DecodeRun& run, comm::Transport& transport);

}  // namespace switchyard::tests

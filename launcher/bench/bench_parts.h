// launcher/bench/bench_parts.h -- the measurements of `switchyard bench`, one function an area.
// Where a figure has a ceiling, that is measured before and after it.
// Thread: the main thread.
#pragma once

#include "launcher/bench/bench_requests.h"
#include "launcher/bench/bench_rows.h"
#include "launcher/bench/ceiling_meter.h"
#include "launcher/cluster_run.h"

namespace switchyard::launcher {

struct BenchPlan {
  std::string shape;  // name for the rows
  std::size_t prompt_tokens = 512;
  std::size_t decode_tokens = 128;
  std::size_t sequences = 16;  // of the batched decode
  BatchTokens batch_tokens = BatchTokens::kDifferent;
  std::size_t repeats = 5;
};

// Matmuls of the model's sizes at 1 .. 256 rows, weights colder than the caches.
[[nodiscard]] Result<void> bench_kernels(const kernels::DeviceOptions& options,
                                         const model::ModelConfig& model, const BenchPlan& plan,
                                         const CeilingMeter& meter, BenchRows& rows);
// One MoE layer at 1 .. 512 tokens: whole, and the share of gate, selection, plan and combine.
[[nodiscard]] Result<void> bench_moe(const engine::ClusterOptions& options,
                                     const model::ModelConfig& model, const BenchPlan& plan,
                                     const std::string& routing, BenchRows& rows);
// Rows from every rank to every other and back; on the cpu also round trips over the transport, and
// of bare MPI beside it, between ranks 0 and 1. Without mpirun: two ranks, as threads.
[[nodiscard]] Result<void> bench_exchange(const Invocation& invocation, const BenchPlan& plan,
                                          BenchRows& rows);
// Round trips of bare MPI between ranks 0 and 1, what any exchange stands on: rank 0 has the rows,
// none in a world of one rank. Joins the world of mpirun and leaves it. Collective: yes.
[[nodiscard]] Result<std::vector<BenchRow>> bench_bare_mpi(const Invocation& invocation);
// Of every rank of the world, for batches of plan.sequences and of plan.prompt_tokens tokens: the
// time of each leg, at the slowest rank, and, in GB/s, the bytes that a rank sends in it to others.
// Collective: yes.
[[nodiscard]] Result<void> bench_rows_exchange(const engine::ClusterOptions& options,
                                               comm::Transport& transport, const BenchPlan& plan,
                                               BenchRows& rows);
// Prefill, decode of one sequence and of many, over all ranks of this run.
[[nodiscard]] Result<void> bench_model(const Invocation& invocation, const BenchPlan& plan,
                                       const CeilingMeter& meter, BenchRows& rows);

}  // namespace switchyard::launcher

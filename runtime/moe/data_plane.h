// runtime/moe/data_plane.h -- one rank's share of the MoE layers: opens exchanges for its own
// micro-batches, serves what others send, and lets both make progress while it waits.
// begin() and finish() of several micro-batches interleave: that is the ping-pong of routers and
// expert ranks. Every wait has a deadline and names the silent ranks and the epoch (law 4).
// Thread safety: shared objects: unsafe (the rank's engine thread only).
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "comm/transport.h"
#include "kernels/device.h"
#include "runtime/base/clock.h"
#include "runtime/moe/dispatch_plan.h"
#include "runtime/moe/exchange.h"
#include "runtime/moe/expert_server.h"
#include "runtime/placement/replica_choice.h"
#include "runtime/placement/view.h"

namespace switchyard::moe {

struct DataPlaneOptions {
  WireShape wire;              // rows_max and pairs_max are of one message
  std::size_t tokens_max = 0;  // of one micro-batch
  std::size_t k_max = 0;
  Duration exchange_deadline{30'000'000'000};
  Duration gather_window{200'000};
};

class DataPlane {
 public:
  // References outlive the plane; `stop` is set from a signal handler or another thread.
  DataPlane(const DataPlaneOptions& options, std::shared_ptr<const placement::View> view,
            std::unique_ptr<placement::ReplicaChoice> choice, kernels::Device& device,
            const ExpertStore& store, comm::Transport& transport, const Clock& clock,
            const std::atomic<bool>& abandon);

  // Router ranks. x: operand rows [T, d] of micro-batch `micro_batch`, token_keys: [T]; the
  // selections stay unchanged until finish(). Blocks: no.
  [[nodiscard]] Result<void> begin(std::size_t micro_batch, std::size_t moe_layer,
                                   std::uint64_t step, Rows x,
                                   const routing::Selections& selections,
                                   std::span<const std::uint32_t> token_keys);
  // Waits for the answers, serving others meanwhile, and adds the combined rows to the residual.
  // Blocks: until the exchange deadline. Errors: kDeadline naming the silent ranks, kPeer,
  // kInterrupted when abandoned.
  [[nodiscard]] Result<void> finish(std::size_t micro_batch, MatrixView<float> residual);

  // Any rank: serves and receives once. True when it did anything. Blocks: for one served batch.
  [[nodiscard]] Result<bool> progress();
  // Nothing waits to be served and every answer has left.
  [[nodiscard]] Result<bool> idle();

  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
  [[nodiscard]] const placement::View& view() const noexcept { return *view_; }

 private:
  [[nodiscard]] Result<bool> receive_answer();

  DataPlaneOptions options_;
  std::shared_ptr<const placement::View> view_;
  std::unique_ptr<placement::ReplicaChoice> choice_;
  kernels::Device& device_;
  comm::Transport& transport_;
  const Clock& clock_;
  const std::atomic<bool>& abandon_;
  Counters counters_;
  std::unique_ptr<ExpertServer> server_;  // null where the rank holds no experts
  DispatchPlanner planner_;
  std::vector<DispatchPlan> plans_;  // [micro-batches]
  std::vector<Exchange> exchanges_;  // [micro-batches]; empty where it routes nothing
  std::vector<HostBuffer> answers_;  // free buffers for answers on their way in
};

}  // namespace switchyard::moe

// runtime/moe/data_plane.h -- one rank's share of the MoE layers: opens exchanges for its own
// micro-batches, serves what others send, and lets both make progress while it waits.
// begin() and finish() of several micro-batches interleave: that is the ping-pong of routers and
// expert ranks. Every wait has a deadline and names the silent ranks and the epoch (law 4).
// With a feed of views, an exchange whose expert rank has left is replayed under the newer view;
// experts are stateless and answers are combined in slot order, so the bits stay the same.
// Thread safety: shared objects: unsafe (the rank's engine thread only).
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/transport.h"
#include "kernels/device.h"
#include "runtime/base/clock.h"
#include "runtime/base/timeline.h"
#include "runtime/base/work_mark.h"
#include "runtime/moe/dispatch_plan.h"
#include "runtime/moe/exchange.h"
#include "runtime/moe/expert_server.h"
#include "runtime/moe/lost_peers.h"
#include "runtime/moe/peer_breakers.h"
#include "runtime/moe/rank_ramp.h"
#include "runtime/moe/view_feed.h"
#include "runtime/placement/replica_choice.h"
#include "runtime/placement/view.h"

namespace switchyard::moe {

// How the wait for an exchange ended.
enum class ExchangeWait : std::uint8_t {
  kCombined,  // every answer came
  kLeft,      // nobody wants them any more: withdrawn, the residual is as it was
};

// Which sides of an exchange a rank must be able to take: those of its first view, or any, because
// later views may change its roles.
enum class PlaneRoles : std::uint8_t { kOfView, kAny };

struct DataPlaneOptions {
  WireShape wire;              // rows_max and pairs_max are of one message
  std::size_t tokens_max = 0;  // of one micro-batch
  std::size_t k_max = 0;
  Duration exchange_deadline{30'000'000'000};
  Duration gather_window{200'000};
  Duration silence_report_after{250'000'000};  // to the feed, and again, a second apart at most
  // An exchange that has waited so long is asked again under a newer view in which nothing else is
  // new: what was sent may be lost. Less than ControllerOptions::ask_again_after.
  Duration replay_after{4'000'000'000};
  BreakerConfig breaker;                    // of each peer; used where there is a feed
  Duration breaker_timeout{1'000'000'000};  // an exchange that waits longer for a peer has failed
  PlaneRoles roles = PlaneRoles::kOfView;
  std::string replica_choice = "local-first";
  std::string link_costs;        // between regions, for "nearest": A:B=NUMBER,...
  double spill_over = 0;         // for "nearest"
  std::uint64_t ramp_steps = 0;  // until an expert rank that has come gets its whole share
  Timeline* timeline = nullptr;  // where to note what was done; null: nowhere
  std::atomic<std::uint32_t>* open_jobs = nullptr;  // see ExpertServerOptions
  // Told that its thread waits, in finish(), and is at work in a batch; null: nobody wants to know.
  WorkMark* computing = nullptr;
};

class DataPlane {
 public:
  // References outlive the plane; `abandon` is set from a signal handler or another thread.
  // feed: null where views never change. Errors: kConfig for an unknown replica choice.
  [[nodiscard]] static Result<std::unique_ptr<DataPlane>> create(
      const DataPlaneOptions& options, std::shared_ptr<const placement::View> view,
      kernels::Device& device, const ExpertStore& store, comm::Transport& transport,
      const Clock& clock, const std::atomic<bool>& abandon, ViewFeed* feed);

  // Router ranks. x: operand rows [T, d] of micro-batch `micro_batch`, token_keys: [T],
  // masks: where rows may go; all stay unchanged until finish(). Blocks: no.
  [[nodiscard]] Result<void> begin(std::size_t micro_batch, std::size_t moe_layer,
                                   std::uint64_t step, Rows x,
                                   const routing::Selections& selections,
                                   std::span<const std::uint32_t> token_keys,
                                   TokenMasks masks = {});
  // Tokens of the micro-batch's last exchange whose rows may not go where they would have to.
  [[nodiscard]] std::span<const std::uint32_t> forbidden(std::size_t micro_batch) const noexcept {
    return plans_[micro_batch].forbidden;
  }
  // Waits for the answers, serving others meanwhile, and adds the combined rows to the residual.
  // What the feed calls unwanted is left once it is overdue. Blocks: until the exchange deadline.
  // Errors: kDeadline naming the silent ranks, kPeer, kInterrupted when abandoned.
  [[nodiscard]] Result<ExchangeWait> finish(std::size_t micro_batch, MatrixView<float> residual);

  // Waits for every op so far, as the device's synchronize(), and lets rows move meanwhile: this
  // rank's to others and theirs to its memory. Serves nothing. Errors: also the transport's.
  [[nodiscard]] Result<void> await_device();

  // Any rank: serves and receives once. True when it did anything. Blocks: for one served batch.
  [[nodiscard]] Result<bool> progress();
  // Acts under a newer view from now on; what waits for ranks that have left is replayed.
  [[nodiscard]] Result<void> adopt(std::shared_ptr<const placement::View> view);
  // The oldest epoch of an exchange that is open, or the view's.
  [[nodiscard]] Epoch oldest_epoch_in_use() const;
  // A view is being prepared: its members may act on it before this rank adopts it.
  void expect(const placement::View& next);

  // As an expert rank: dispatches of epochs before `oldest` are refused from now on.
  void refuse_before(Epoch oldest);

  // Nothing waits to be served and every answer has left.
  [[nodiscard]] Result<bool> idle();

  // The number for a RankMask by which rows of requests from there are counted. Not in a step.
  [[nodiscard]] std::uint32_t number_of_origin(std::string_view origin) {
    return counters_.restricted_rows.number_of(origin);
  }
  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
  [[nodiscard]] const placement::View& view() const noexcept { return *view_; }

 private:
  // What a micro-batch's exchange was begun with, so that it can be begun again.
  struct Open {
    std::size_t moe_layer = 0;
    std::uint64_t step = 0;
    Rows x;
    const routing::Selections* selections = nullptr;
    std::span<const std::uint32_t> token_keys;
    TokenMasks masks;
    TimePoint began{};
  };

  DataPlane(const DataPlaneOptions& options, kernels::Device& device, comm::Transport& transport,
            const Clock& clock, const std::atomic<bool>& abandon, ViewFeed* feed);
  [[nodiscard]] Result<void> make_router_side(std::size_t expert_ranks,
                                              std::size_t other_expert_ranks);
  [[nodiscard]] Result<void> begin_open(std::size_t micro_batch);
  [[nodiscard]] Result<void> follow_views();
  void tell_lost();
  [[nodiscard]] Result<void> replay(std::size_t micro_batch);
  [[nodiscard]] Result<void> leave(std::size_t micro_batch);
  void reap_in_flight();
  void count_restricted(std::size_t micro_batch);
  void report_overdue(std::size_t micro_batch, Duration waited);
  void tell_breakers();
  void note_exchange(std::size_t micro_batch, ExchangeEnd end);
  [[nodiscard]] Error overdue(const Exchange& exchange) const;
  [[nodiscard]] Result<bool> receive_answer();
  [[nodiscard]] Result<MessageMemory> make_answer_memory() const;
  [[nodiscard]] Result<MessageMemory> spare_answer_memory();
  void note_round_trip(RankId peer, TimePoint began);

  DataPlaneOptions options_;
  std::shared_ptr<const placement::View> view_;
  std::unique_ptr<placement::ReplicaChoice> choice_;
  kernels::Device& device_;
  comm::Transport& transport_;
  const Clock& clock_;
  const std::atomic<bool>& abandon_;
  ViewFeed* feed_;
  Counters counters_;
  LostPeers lost_peers_;
  std::unique_ptr<ExpertServer> server_;  // null where the rank holds no experts
  DispatchPlanner planner_;
  std::vector<DispatchPlan> plans_;  // [micro-batches]
  std::vector<Open> open_;           // [micro-batches]
  std::vector<Exchange> exchanges_;  // [micro-batches]; empty where it routes nothing
  RankRamp ramp_;
  std::optional<PeerBreakers> breakers_;     // nothing where views never change
  std::vector<InFlight> in_flight_;          // of withdrawn exchanges
  std::vector<MessageMemory> answers_;       // free, for answers on their way in
  std::vector<MessageMemory> lost_answers_;  // half-received; used again when that is over
};

}  // namespace switchyard::moe

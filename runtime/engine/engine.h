// runtime/engine/engine.h -- runs the sequences of one router rank: forms steps, walks the layers
// with their expert exchanges, samples, and reports to an observer.
// Micro-batches of a step ping-pong: while the experts of one work, the next runs attention.
// Not the distribution over routers (session.h).
// Thread safety: shared objects: unsafe (the rank's engine thread).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/timeline.h"
#include "runtime/engine/micro_batch.h"
#include "runtime/engine/observer.h"
#include "runtime/engine/router_buffers.h"
#include "runtime/engine/scheduler.h"
#include "runtime/engine/step_times.h"
#include "runtime/model/transformer.h"
#include "runtime/moe/data_plane.h"
#include "runtime/routing/router.h"

namespace switchyard::engine {

struct EngineOptions {
  SchedulerLimits limits;
  std::size_t kv_pages = 0;
  std::size_t micro_batches = 1;           // in flight at most
  std::size_t micro_batch_tokens_min = 1;  // smaller steps stay whole
};

// The longest micro-batch that a step under these options can have.
[[nodiscard]] std::size_t micro_batch_tokens_max(const EngineOptions& options);

class Engine {
 public:
  // References outlive the engine. `buffers`: of the sizes that router_buffer_sizes() answers;
  // taken where it succeeds. Errors: the device's, for the KV cache.
  [[nodiscard]] static Result<std::unique_ptr<Engine>> create(
      const EngineOptions& options, model::Transformer& transformer, kernels::Device& device,
      moe::DataPlane& plane, const Clock& clock, RouterBuffers&& buffers);

  // The policy of the following sequences; only while no sequence runs.
  // `extra`: signals that an observer wants although the policy does not.
  void set_router(std::unique_ptr<routing::Router> router, routing::SignalNeeds extra = {});
  void set_observer(Observer* observer) noexcept { observer_ = observer; }
  // A flag that ends a step between two layers: no token of it counts, and interrupt() is to
  // follow. Null: steps run to their end.
  void set_stop(const std::atomic<bool>* stop) noexcept { stop_ = stop; }
  // Called before each layer of a step, for who must give signs of life during a long one; its
  // error ends the step. Null: nobody.
  using Pulse = std::function<Result<void>()>;
  void set_pulse(Pulse pulse) noexcept { pulse_ = std::move(pulse); }
  // Where to note steps, layers and requests; null: nowhere.
  void set_timeline(Timeline* timeline) noexcept { timeline_ = timeline; }

  [[nodiscard]] Result<void> submit(SequenceRequest request);
  // One step over the layers, or until the stop flag or the plane has left an exchange; then no
  // token of it counts. False when no sequence is left. Blocks: for its exchanges.
  [[nodiscard]] Result<bool> step();
  // Ends one sequence without a word to the observer; no effect where it is not here.
  void forget(SequenceId id) { (void)scheduler_.take_out(id); }
  // Ends one sequence as interrupted and reports it with what it has so far.
  void end_now(SequenceId id);
  // Ends every sequence as interrupted and reports it with what it has so far.
  void interrupt();
  [[nodiscard]] std::size_t open_count() const noexcept {
    return scheduler_.running_count() + scheduler_.waiting_count();
  }
  [[nodiscard]] std::size_t running_count() const noexcept { return scheduler_.running_count(); }
  // Wall time and tokens of the steps since the last take_times().
  [[nodiscard]] const StepTimes& times() const noexcept { return times_; }
  [[nodiscard]] StepTimes take_times() noexcept { return std::exchange(times_, {}); }
  [[nodiscard]] std::size_t kv_bytes() const noexcept { return cache_->bytes(); }

 private:
  Engine(const EngineOptions& options, model::Transformer& transformer, moe::DataPlane& plane,
         const Clock& clock, std::unique_ptr<kernels::KvCache> cache, RouterBuffers&& buffers);
  enum class StepEnd { kDone, kStopped };  // kStopped: no token of it counts
  [[nodiscard]] Result<StepEnd> run_step(const std::vector<StepPart>& parts);
  [[nodiscard]] Result<StepEnd> run_layers();
  [[nodiscard]] bool stopped() const noexcept {
    return left_ || (stop_ != nullptr && stop_->load(std::memory_order_relaxed));
  }
  void split(const std::vector<StepPart>& parts);
  [[nodiscard]] Result<void> run_layer(std::size_t layer, std::size_t batch);
  [[nodiscard]] Result<void> close_layer(std::size_t batch);
  void compile_rules();
  // The rule that the device is to choose experts by; null: the host routes.
  [[nodiscard]] const SelectionRule* device_rule(std::size_t moe_layer) const;
  [[nodiscard]] Result<void> route(std::size_t moe_layer, const SelectionRule* rule,
                                   MicroBatch& batch);
  // What the host reads of a wanted row: its logits, the token that greedy decoding takes, or
  // nothing, because the token is known or none is to come.
  enum class HeadRead { kLogits, kToken, kNothing };
  [[nodiscard]] HeadRead read_of(const WantedRow& wanted) const;
  [[nodiscard]] Result<void> run_head(MicroBatch& batch, HeadRead read);
  [[nodiscard]] Result<void> read_head_rows(MicroBatch& batch, HeadRead read);
  void show_logits(const WantedRow& wanted, std::span<const float> logits);
  [[nodiscard]] std::optional<std::uint32_t> sample(const WantedRow& wanted,
                                                    std::span<const float> logits);
  [[nodiscard]] bool void_row(const WantedRow& wanted);
  [[nodiscard]] bool token_due(const WantedRow& wanted);
  void take_token(const WantedRow& wanted, std::uint32_t token);
  void advance(const std::vector<StepPart>& parts);
  void end_if_full(Running& sequence, std::size_t position, std::size_t tokens);
  void finish(Running* sequence, FinishReason reason);
  void report_interrupted(Running& sequence);
  void note(SpanKind kind, std::size_t layer, std::size_t batch, std::size_t rows, TimePoint begin);
  void note_step(const std::vector<StepPart>& parts, bool prompt, TimePoint begin);
  void note_request(const SequenceRequest& request, const SequenceResult& result);

  EngineOptions options_;
  model::Transformer& transformer_;
  moe::DataPlane& plane_;
  const Clock& clock_;
  std::unique_ptr<kernels::KvCache> cache_;
  Scheduler scheduler_;
  Sampler sampler_;
  std::unique_ptr<routing::Router> router_;
  routing::SignalNeeds needs_;
  std::vector<SelectionRule> rules_;  // [MoE layers] of the router; empty: the device cannot
  Observer* observer_ = nullptr;
  const std::atomic<bool>* stop_ = nullptr;
  Pulse pulse_;
  Timeline* timeline_ = nullptr;
  RouterBuffers buffers_;
  std::size_t batch_count_ = 0;         // in use this step
  std::vector<std::size_t> moe_index_;  // [layers] index among MoE layers
  std::vector<char> open_;              // [micro-batches] an exchange is open
  bool left_ = false;                   // an exchange of this step, because nobody wants it
  std::vector<WantedRow> head_wanted_;  // of one head() or greedy()
  std::vector<std::uint32_t> head_rows_;
  std::vector<std::pair<Running*, FinishReason>> ended_;
  std::uint64_t step_ = 0;
  StepTimes times_;
};

}  // namespace switchyard::engine

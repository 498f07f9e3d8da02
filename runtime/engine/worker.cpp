#include "runtime/engine/worker.h"

#include <algorithm>
#include <utility>

#include "runtime/engine/counted_weights.h"
#include "runtime/engine/payload.h"

namespace switchyard::engine {
namespace {

// Before the first view nobody has a role and no expert a place.
std::shared_ptr<const placement::View> no_view() {
  return std::make_shared<const placement::View>();
}

bool routes(control::RankKind kind) {
  return kind == control::RankKind::kRouter || kind == control::RankKind::kBoth;
}

}  // namespace

Worker::Worker(const WorkerOptions& options, std::unique_ptr<model::WeightSource> source,
               comm::Transport& transport, const Clock& clock, const StopSignals& signals,
               control::Mailbox& mailbox, control::RankGauges& gauges, Log log)
    : options_(options),
      source_(std::make_unique<CountedWeights>(std::move(source), gauges.weights_read)),
      transport_(transport),
      clock_(clock),
      signals_(signals),
      mailbox_(mailbox),
      gauges_(gauges),
      log_(std::move(log)) {}

Result<std::unique_ptr<Worker>> Worker::open(const WorkerOptions& options,
                                             std::unique_ptr<model::WeightSource> source,
                                             comm::Transport& transport, const Clock& clock,
                                             const StopSignals& signals, control::Mailbox& mailbox,
                                             control::RankGauges& gauges, Log log) {
  std::unique_ptr<Worker> worker(new Worker(options, std::move(source), transport, clock, signals,
                                            mailbox, gauges, std::move(log)));
  SY_TRY(worker->make_parts());
  return worker;
}

Result<void> Worker::make_parts() {
  const auto& config = source_->config();
  const bool together = options_.cluster.colocation == Colocation::kTogether;
  const std::size_t micro_batches =
      options_.cluster.micro_batches != 0 ? options_.cluster.micro_batches : (together ? 1 : 2);
  SY_ASSIGN(sizes_, make_rank_sizes(options_.cluster, config,
                                    {transport_.size(), config.experts, micro_batches}));
  sizes_.plane.roles = moe::PlaneRoles::kAny;
  parts_.timeline = make_timeline(options_.cluster, clock_);
  sizes_.plane.timeline = parts_.timeline.get();
  sizes_.plane.open_jobs = &gauges_.open_jobs;
  sizes_.plane.computing = &gauges_.computing;
  SY_ASSIGN(parts_.device, make_rank_device(options_.cluster, transport_));
  SY_TRY(parts_.device->reserve(sizes_.plane.tokens_max, sizes_.batch_pairs_max, config.hidden,
                                std::max(config.expert_inner, config.dense_inner)));
  parts_.store = std::make_unique<moe::ExpertStore>(config.moe_layer_count(), config.experts);
  // The loader only packs, which no library of products does.
  auto loading = rank_device_options(options_.cluster, transport_);
  loading.cuda_gemm = kernels::CudaGemm::kInvariant;
  auto make_device = [name = options_.cluster.device_name, device = std::move(loading)] {
    return kernels::make_device(name, device);
  };
  work_ = std::make_unique<ViewWork>(transport_.rank(), *source_, *parts_.device,
                                     std::move(make_device), *parts_.store);
  SY_ASSIGN(parts_.plane,
            moe::DataPlane::create(sizes_.plane, no_view(), *parts_.device, *parts_.store,
                                   transport_, clock_, signals_.abandon, this));
  if (routes(options_.kind)) return make_engine();
  // A later view may want it to route, while rows move between GPUs.
  return transport_.row_place() == comm::RowPlace::kApart ? make_router_buffers() : Result<void>{};
}

Result<void> Worker::make_router_buffers() {
  if (router_buffers_) return {};
  const auto& config = source_->config();
  SY_ASSIGN(router_buffers_, RouterBuffers::create(router_buffer_sizes(sizes_.engine, config),
                                                   config, *parts_.device));
  return {};
}

Result<void> Worker::make_engine() {
  SY_TRY(make_router_buffers());
  SY_ASSIGN(parts_.transformer,
            load_router_part(*source_, *parts_.device, positions_max(sizes_.engine)));
  SY_ASSIGN(parts_.engine, Engine::create(sizes_.engine, *parts_.transformer, *parts_.device,
                                          *parts_.plane, clock_, std::move(*router_buffers_)));
  router_buffers_.reset();
  parts_.engine->set_timeline(parts_.timeline.get());
  const auto convention = convention_of(source_->config());
  SY_ASSIGN(auto router, routing::make_router(options_.routing, convention, options_.calibration));
  const routing::RoutingStats::Shape shape{convention.layers, convention.experts, router->k_max(),
                                           convention.scoring};
  JobKeeps keeps;
  keeps.gate_stats = options_.gate_stats;
  keeps.sequences = false;  // told to the controller as they end
  Observer* self = this;    // a private base: make_unique may not convert to it
  collector_ = std::make_unique<JobCollector>(keeps, routing::RoutingStats(shape), self);
  parts_.engine->set_router(std::move(router));
  parts_.engine->set_observer(collector_.get());
  return {};
}

control::ModelFacts Worker::model_facts() const {
  const auto& config = source_->config();
  control::ModelFacts facts;
  facts.moe_layers = static_cast<std::uint32_t>(config.moe_layer_count());
  facts.experts = static_cast<std::uint32_t>(config.experts);
  facts.expert_bytes = 3 * config.hidden * config.expert_inner *
                       size_bytes(kernels::operand_dtype(options_.cluster.device.precision));
  facts.fingerprint = world_fingerprint(options_.cluster, *source_, transport_);
  return facts;
}

Result<void> Worker::run(const Absence& absence) {
  std::uint32_t idle_rounds = 0;
  absence_ = absence;
  while (!leaving_) {
    SY_TRY(follow_view());
    SY_TRY(do_deferred());
    bool worked = false;
    if (newest_ && parts_.engine && parts_.engine->open_count() > 0) {
      const auto before = parts_.engine->times();
      meter_.begin_step(clock_.now());
      {
        const WorkSpan working(&gauges_.computing, clock_, WorkSpan::Kind::kWork);
        SY_ASSIGN(worked, parts_.engine->step());
      }
      const auto& after = parts_.engine->times();
      meter_.end_step(clock_.now(), after.prompt_tokens + after.decode_tokens -
                                        before.prompt_tokens - before.decode_tokens);
      say_progress();
    } else {
      SY_ASSIGN(worked, parts_.plane->progress());
    }
    update_gauges();
    report_load();
    if (signals_.abandon.load(std::memory_order_relaxed)) {
      return fail(ErrorCode::kInterrupted, "stopped: another rank failed");
    }
    if (worked) {
      idle_rounds = 0;
    } else {
      transport_.wait_a_moment(++idle_rounds);
    }
  }
  say_farewell();
  return {};
}

void Worker::say(std::string_view event, std::string_view text) const {
  log_event(log_, spdlog::level::info, event, text, {parts_.plane->view().epoch, {}, {}});
}

void Worker::say(std::string_view event, std::string_view text, const Held& request) const {
  log_event(log_, spdlog::level::info, event, text,
            {parts_.plane->view().epoch, request.id.value(), request.trace_id});
}

void Worker::say_progress() {
  for (auto& [sequence, request] : held_) {
    if (request.fresh.empty()) continue;
    const auto count = static_cast<std::uint32_t>(request.fresh.size());
    mailbox_.post(control::Progress{request.id, request.attempt, request.said,
                                    std::exchange(request.fresh, {})});
    request.said += count;
  }
}

void Worker::say_farewell() {
  Farewell farewell;
  work_->pause();  // it counts the bytes that it reads
  farewell.report = make_rank_report(parts_, *source_, transport_);
  if (collector_) {
    farewell.result = collector_->take();
    farewell.result.times = parts_.engine->take_times();
  }
  gauges_.phase = control::Phase::kLeaving;
  mailbox_.post(control::Goodbye{pack_farewell(farewell)});
}

void Worker::update_gauges() {
  const auto* self = newest_ ? newest_->find(transport_.rank()) : nullptr;
  const bool has_role = self != nullptr && (self->router || self->expert);
  auto phase = has_role ? control::Phase::kServing : control::Phase::kParked;
  if (!newest_) phase = control::Phase::kStarting;
  if (draining_) phase = control::Phase::kDraining;
  if (preparing_ && !has_role) phase = control::Phase::kLoading;
  gauges_.phase = phase;
  gauges_.epoch = parts_.plane->view().epoch.value();
  const auto& counters = parts_.plane->counters();
  gauges_.steps = counters.exchanges + counters.batches_served;
  gauges_.open_requests = static_cast<std::uint32_t>(held_.size());
  const std::size_t running = parts_.engine ? parts_.engine->running_count() : 0;
  gauges_.running_requests = static_cast<std::uint32_t>(running);
}

void Worker::report_load() {
  if (auto report = meter_.take(parts_.plane->counters(), clock_.now())) {
    mailbox_.post(std::move(*report));
  }
}

void Worker::on_token(const SequenceRequest& request, std::uint32_t token) {
  if (const auto held = held_.find(request.id); held != held_.end()) {
    held->second.fresh.push_back(token);
  }
}

void Worker::on_finished(SequenceResult result) {
  const auto held = held_.find(result.id);
  if (held == held_.end()) return;
  control::Finished finished{held->second.id, held->second.attempt, {}, {}};
  if (result.finish == FinishReason::kForbidden) {
    finished.error = fmt::format("{}: no rank that it may use holds an expert it needs",
                                 control::kResidencyUnsatisfiable);
  } else if (result.finish == FinishReason::kNotFinite) {
    finished.error = fmt::format("its logits are not finite after {} tokens", result.tokens.size());
  } else {
    finished.payload = pack_sequence(result);
  }
  say("request_finished",
      fmt::format("{} after {} tokens", to_string(result.finish), result.tokens.size()),
      held->second);
  mailbox_.post(std::move(finished));
  held_.erase(held);
}

}  // namespace switchyard::engine

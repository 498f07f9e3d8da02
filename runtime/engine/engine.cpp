#include "runtime/engine/engine.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/check.h"

namespace switchyard::engine {

namespace {

void put_digest(const Running& sequence, SequenceResult& result) {
  if (sequence.request.digest == DigestWanted::kNo) return;
  const auto digest = sequence.digest.value();
  result.digest_high = digest.high;
  result.digest_low = digest.low;
}

}  // namespace

std::size_t micro_batch_tokens_max(const EngineOptions& options) {
  const std::size_t tokens = options.limits.step_tokens_max;
  if (options.micro_batches <= 1) return tokens;
  const std::size_t share = (tokens + options.micro_batches - 1) / options.micro_batches;
  return std::max(share, std::min(tokens, options.micro_batch_tokens_min));
}

Engine::Engine(const EngineOptions& options, model::Transformer& transformer, moe::DataPlane& plane,
               const Clock& clock, std::unique_ptr<kernels::KvCache> cache, RouterBuffers&& buffers)
    : options_(options),
      transformer_(transformer),
      plane_(plane),
      clock_(clock),
      cache_(std::move(cache)),
      scheduler_(options.limits, options.kv_pages),
      sampler_(transformer.config().vocab),
      buffers_(std::move(buffers)),
      open_(options.micro_batches) {
  const auto& config = transformer.config();
  std::size_t moe_layers = 0;
  for (std::size_t layer = 0; layer < config.layers; ++layer) {
    moe_index_.push_back(moe_layers);
    if (config.moe_layer[layer]) ++moe_layers;
  }
  head_rows_.reserve(transformer.head_rows_max());
  head_wanted_.reserve(transformer.head_rows_max());
  ended_.reserve(options.limits.sequences_max);
}

Result<std::unique_ptr<Engine>> Engine::create(const EngineOptions& options,
                                               model::Transformer& transformer,
                                               kernels::Device& device, moe::DataPlane& plane,
                                               const Clock& clock, RouterBuffers&& buffers) {
  SY_CHECK(buffers.batches.size() == options.micro_batches &&
               buffers.greedy_ids.size() == transformer.head_rows_max(),
           "buffers for {} micro-batches and {} rows of the head", buffers.batches.size(),
           buffers.greedy_ids.size());
  const auto& config = transformer.config();
  SY_ASSIGN(auto cache, device.make_kv_cache(
                            {config.layers, config.kv_heads, config.head_size, options.kv_pages}));
  return std::unique_ptr<Engine>(
      new Engine(options, transformer, plane, clock, std::move(cache), std::move(buffers)));
}

Result<void> Engine::submit(SequenceRequest request) {
  request.submitted = span_start(timeline_);
  return scheduler_.add(std::move(request));
}

void Engine::set_router(std::unique_ptr<routing::Router> router, routing::SignalNeeds extra) {
  SY_CHECK(open_count() == 0, "{} sequences are open", open_count());
  router_ = std::move(router);
  needs_ = router_->needs();
  needs_.residual_variance |= extra.residual_variance;
  for (auto& batch : buffers_.batches) batch.reserve_selections(router_->k_max());
  compile_rules();
}

// Cuts the step's rows into equal runs; the rows of a sequence keep their order, so its earlier
// positions are in the cache of a layer before its later ones ask for them.
void Engine::split(const std::vector<StepPart>& parts) {
  std::size_t total = 0;
  for (const auto& part : parts) total += part.count;
  const bool whole = total < std::max<std::size_t>(options_.micro_batch_tokens_min, 2);
  batch_count_ = whole ? 1 : options_.micro_batches;
  std::size_t row = 0;
  std::size_t batch = 0;
  for (std::size_t i = 0; i < batch_count_; ++i) buffers_.batches[i].clear();
  for (StepPart part : parts) {
    while (part.count > 0) {
      const std::size_t batch_end = total * (batch + 1) / batch_count_;
      const std::size_t count = std::min(part.count, batch_end - row);
      if (count == 0) {
        ++batch;
        continue;
      }
      buffers_.batches[batch].add({part.sequence, part.begin, count});
      part.begin += count;
      part.count -= count;
      row += count;
    }
  }
  for (std::size_t i = 0; i < batch_count_; ++i) buffers_.batches[i].seal();
}

Result<void> Engine::close_layer(std::size_t batch) {
  if (!open_[batch]) return {};
  open_[batch] = 0;
  SY_ASSIGN(const auto waited, plane_.finish(batch, buffers_.batches[batch].work().residual()));
  left_ = left_ || waited == moe::ExchangeWait::kLeft;
  for (const std::uint32_t row : plane_.forbidden(batch)) {
    buffers_.batches[batch].owner(row).forbidden = true;
  }
  return {};
}

Result<void> Engine::run_layer(std::size_t layer, std::size_t batch) {
  SY_TRY(close_layer(batch));
  if (left_) return {};
  const TimePoint begin = span_start(timeline_);
  auto& micro_batch = buffers_.batches[batch];
  const bool moe = transformer_.config().moe_layer[layer];
  model::Transformer::GateWork gate;
  if (moe && needs_.residual_variance) gate.variance = model::Transformer::Variance::kCompute;
  if (moe) gate.select = device_rule(moe_index_[layer]);
  transformer_.attend(layer, *cache_, micro_batch.kv_rows(), gate, micro_batch.work());
  if (!moe) {
    transformer_.dense(layer, micro_batch.work());
    note(SpanKind::kAttend, layer, batch, micro_batch.tokens(), begin);
    return {};
  }
  SY_TRY(plane_.await_device());
  SY_TRY(route(moe_index_[layer], gate.select, micro_batch));
  note(SpanKind::kAttend, layer, batch, micro_batch.tokens(), begin);
  open_[batch] = 1;
  return plane_.begin(batch, moe_index_[layer], step_, micro_batch.work().operand(),
                      micro_batch.selections(), micro_batch.positions(), micro_batch.masks());
}

Result<bool> Engine::step() {
  SY_CHECK(router_ != nullptr, "no routing policy was set");
  const auto& parts = scheduler_.next_step();
  if (parts.empty()) return false;
  const TimePoint start = clock_.now();
  const bool prompt =
      std::ranges::any_of(parts, [](const StepPart& part) { return part.sequence->in_prompt(); });
  std::uint64_t tokens = 0;
  for (const auto& part : parts) tokens += part.count;
  SY_ASSIGN(const StepEnd end, run_step(parts));
  if (end == StepEnd::kStopped) return true;
  const double seconds = to_seconds(clock_.now() - start);
  (prompt ? times_.prompt_seconds : times_.decode_seconds) += seconds;
  (prompt ? times_.prompt_tokens : times_.decode_tokens) += tokens;
  ++times_.steps;
  if (timeline_ != nullptr) note_step(parts, prompt, start);
  return true;
}

// A stop waits for the open exchanges, whose pairs are to be answered, and for nothing else.
Result<Engine::StepEnd> Engine::run_layers() {
  StepEnd end = StepEnd::kDone;
  for (std::size_t layer = 0; layer < transformer_.config().layers; ++layer) {
    if (stopped()) {
      end = StepEnd::kStopped;
      break;
    }
    if (pulse_) SY_TRY(pulse_());
    for (std::size_t b = 0; b < batch_count_; ++b) {
      if (auto ran = run_layer(layer, b); !ran) {
        return with_place(std::move(ran).error(), fmt::format("layer {}", layer));
      }
    }
  }
  for (std::size_t b = 0; b < batch_count_; ++b) SY_TRY(close_layer(b));
  return left_ ? StepEnd::kStopped : end;
}

Result<Engine::StepEnd> Engine::run_step(const std::vector<StepPart>& parts) {
  ++step_;
  left_ = false;
  split(parts);
  for (std::size_t b = 0; b < batch_count_; ++b) {
    SY_TRY(transformer_.embed(buffers_.batches[b].ids(), buffers_.batches[b].work()));
  }
  SY_ASSIGN(const StepEnd end, run_layers());
  if (end == StepEnd::kStopped) return end;
  advance(parts);
  ended_.clear();
  for (std::size_t b = 0; b < batch_count_; ++b) {
    const TimePoint begin = span_start(timeline_);
    for (const auto read : {HeadRead::kLogits, HeadRead::kToken, HeadRead::kNothing}) {
      SY_TRY(run_head(buffers_.batches[b], read));
    }
    note(SpanKind::kHead, 0, b, buffers_.batches[b].wanted().size(), begin);
  }
  for (const auto& [sequence, reason] : ended_) finish(sequence, reason);
  return StepEnd::kDone;
}

void Engine::advance(const std::vector<StepPart>& parts) {
  for (const auto& part : parts) part.sequence->cached += part.count;
}

void Engine::finish(Running* sequence, FinishReason reason) {
  auto result = std::move(sequence->result);
  result.finish = reason;
  put_digest(*sequence, result);
  if (timeline_ != nullptr) note_request(sequence->request, result);
  scheduler_.remove(sequence);
  if (observer_ != nullptr) observer_->on_finished(std::move(result));
}

void Engine::report_interrupted(Running& sequence) {
  auto result = std::move(sequence.result);
  result.finish = FinishReason::kInterrupted;
  put_digest(sequence, result);
  if (timeline_ != nullptr) note_request(sequence.request, result);
  if (observer_ != nullptr) observer_->on_finished(std::move(result));
}

void Engine::end_now(SequenceId id) {
  if (const auto sequence = scheduler_.take_out(id)) report_interrupted(*sequence);
}

void Engine::interrupt() {
  for (auto& sequence : scheduler_.drain()) report_interrupted(*sequence);
}

void Engine::note(SpanKind kind, std::size_t layer, std::size_t batch, std::size_t rows,
                  TimePoint begin) {
  if (timeline_ == nullptr) return;
  Span span;
  span.kind = kind;
  span.step = step_;
  span.epoch = plane_.view().epoch.value();
  span.layer = static_cast<std::uint16_t>(layer);
  span.micro_batch = static_cast<std::uint8_t>(batch);
  span.rows() = static_cast<std::uint32_t>(rows);
  timeline_->add(span, begin, timeline_->now());
}

// After the step: its sequences may have left, their numbers have not.
void Engine::note_step(const std::vector<StepPart>& parts, bool prompt, TimePoint begin) {
  Span span;
  span.kind = SpanKind::kStep;
  span.step = step_;
  span.epoch = plane_.view().epoch.value();
  for (const auto& part : parts) span.rows() += static_cast<std::uint32_t>(part.count);
  span.count() = static_cast<std::uint32_t>(parts.size());
  span.extra() = prompt ? 1 : 0;
  timeline_->add(span, begin, timeline_->now());
}

void Engine::note_request(const SequenceRequest& request, const SequenceResult& result) {
  Span span;
  span.kind = SpanKind::kRequest;
  span.epoch = plane_.view().epoch.value();
  span.data = {request.id.value(), result.prompt_tokens,
               static_cast<std::uint32_t>(result.tokens.size()),
               static_cast<std::uint32_t>(result.finish)};
  std::memcpy(&span.data[4], request.trace.trace_id.data(), request.trace.trace_id.size());
  timeline_->add(span, request.submitted, timeline_->now());
}

}  // namespace switchyard::engine

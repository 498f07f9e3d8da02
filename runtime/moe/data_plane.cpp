#include "runtime/moe/data_plane.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace switchyard::moe {
namespace {

std::vector<RankId> router_ranks(const placement::View& view) {
  std::vector<RankId> ranks;
  for (const auto& member : view.members) {
    if (member.router) ranks.push_back(member.rank);
  }
  return ranks;
}

std::size_t expert_rank_count(const placement::View& view) {
  return static_cast<std::size_t>(std::count_if(view.members.begin(), view.members.end(),
                                                [](const auto& member) { return member.expert; }));
}

ExpertServerOptions server_options(const DataPlaneOptions& options, const placement::View& view) {
  ExpertServerOptions server;
  server.shape = options.wire;
  server.routers = router_ranks(view);
  server.epoch = view.epoch;
  server.gather_window = options.gather_window;
  server.send_deadline = options.exchange_deadline;
  return server;
}

ExchangeShape exchange_shape(const DataPlaneOptions& options, const placement::View& view) {
  ExchangeShape shape;
  shape.wire = options.wire;
  shape.expert_ranks = expert_rank_count(view);
  shape.slots_max = options.tokens_max * options.k_max;
  shape.rows_max = options.tokens_max * std::min(options.k_max, shape.expert_ranks);
  return shape;
}

}  // namespace

DataPlane::DataPlane(const DataPlaneOptions& options, std::shared_ptr<const placement::View> view,
                     std::unique_ptr<placement::ReplicaChoice> choice, kernels::Device& device,
                     const ExpertStore& store, comm::Transport& transport, const Clock& clock,
                     const std::atomic<bool>& abandon)
    : options_(options),
      view_(std::move(view)),
      choice_(std::move(choice)),
      device_(device),
      transport_(transport),
      clock_(clock),
      abandon_(abandon),
      counters_(transport.size()),
      planner_(transport.size(), options.tokens_max, options.tokens_max * options.k_max) {
  const auto& self = view_->members.at(transport.rank().index());
  if (self.expert) {
    server_ = std::make_unique<ExpertServer>(server_options(options_, *view_), device, store,
                                             transport, clock, counters_);
  }
  if (!self.router) return;
  const auto shape = exchange_shape(options_, *view_);
  plans_.resize(options_.wire.micro_batches);
  exchanges_.reserve(options_.wire.micro_batches);
  for (std::size_t i = 0; i < options_.wire.micro_batches; ++i) {
    plans_[i].ranks.reserve(shape.expert_ranks);
    plans_[i].row_token.reserve(shape.rows_max);
    plans_[i].pairs.reserve(shape.slots_max);
    plans_[i].pair_slot.reserve(shape.slots_max);
    exchanges_.emplace_back(shape, transport, server_.get(), counters_);
  }
  // One buffer for every answer that can be on its way; pages are touched only by what arrives.
  const std::size_t others = shape.expert_ranks - (self.expert ? 1U : 0U);
  for (std::size_t i = 0; i < others * options_.wire.micro_batches; ++i) {
    answers_.emplace_back(options_.wire.answer_bytes(options_.wire.pairs_max));
  }
}

Result<void> DataPlane::begin(std::size_t micro_batch, std::size_t moe_layer, std::uint64_t step,
                              Rows x, const routing::Selections& selections,
                              std::span<const std::uint32_t> token_keys) {
  SY_CHECK(micro_batch < exchanges_.size(), "micro-batch {} of {}", micro_batch, exchanges_.size());
  planner_.plan(*view_, moe_layer, selections, token_keys, *choice_, plans_[micro_batch]);
  const ExchangeKey key{view_->epoch, static_cast<std::uint32_t>(moe_layer),
                        static_cast<std::uint32_t>(micro_batch), step};
  return exchanges_[micro_batch].begin(key, x, plans_[micro_batch], selections);
}

Result<bool> DataPlane::receive_answer() {
  SY_ASSIGN(const auto arrival, transport_.probe(comm::Channel::kCombine));
  if (!arrival) return false;
  const std::size_t bytes_max = options_.wire.answer_bytes(options_.wire.pairs_max);
  if (answers_.empty() || arrival->bytes > bytes_max) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "rank {} sent an answer of {} bytes; {} is the most, and {} are awaited",
                arrival->from.value(), arrival->bytes, bytes_max, answers_.size());
  }
  const auto message = answers_.back().span().first(arrival->bytes);
  SY_TRY(transport_.receive(*arrival, message));
  SY_ASSIGN(const Answer answer, read_answer(options_.wire, message));
  auto& exchange = exchanges_[answer.key.micro_batch];
  if (!exchange.open() || exchange.key() != answer.key) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                "rank {} answered step {} layer {} of epoch {}, which is not open",
                arrival->from.value(), answer.key.step, answer.key.layer, answer.key.epoch.value());
  }
  SY_TRY(exchange.accept(arrival->from, answer, answers_.back()));
  answers_.pop_back();
  return true;
}

Result<bool> DataPlane::progress() {
  bool any = false;
  if (!exchanges_.empty()) {
    SY_ASSIGN(any, receive_answer());
  }
  if (server_) {
    SY_ASSIGN(const bool served, server_->progress());
    any |= served;
  }
  return any;
}

Result<bool> DataPlane::idle() {
  if (!server_) return true;
  return server_->idle();
}

Result<void> DataPlane::finish(std::size_t micro_batch, MatrixView<float> residual) {
  auto& exchange = exchanges_[micro_batch];
  const TimePoint start = clock_.now();
  const Deadline deadline(start + options_.exchange_deadline);
  std::uint32_t idle_rounds = 0;
  std::uint64_t wait_ns = 0;
  while (true) {
    SY_ASSIGN(const bool complete, exchange.complete());
    if (complete) break;
    SY_ASSIGN(const bool any, progress());
    if (any) {
      idle_rounds = 0;
      continue;
    }
    const TimePoint before = clock_.now();
    if (before >= deadline.at()) {
      return fail(ErrorCode::kDeadline, ErrorScope::kPeer,
                  "no answer from rank(s) {} within {:.1f} s (epoch {}, step {}, layer {})",
                  exchange.silent_ranks(), to_seconds(options_.exchange_deadline),
                  view_->epoch.value(), exchange.key().step, exchange.key().layer);
    }
    if (abandon_.load(std::memory_order_relaxed)) {
      return fail(ErrorCode::kInterrupted, "stopped while waiting for rank(s) {}",
                  exchange.silent_ranks());
    }
    transport_.wait_a_moment(++idle_rounds);
    wait_ns += static_cast<std::uint64_t>((clock_.now() - before).count());
  }
  counters_.wait_ns += wait_ns;
  exchange.finish(device_, residual, answers_);
  return {};
}

}  // namespace switchyard::moe

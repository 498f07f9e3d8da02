#include "runtime/moe/data_plane.h"

#include <algorithm>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/moe/exchange_spans.h"
#include "runtime/moe/plane_sizes.h"

namespace switchyard::moe {
namespace {

// A report counts for two seconds with the controller.
constexpr Duration kReportInterval{1'000'000'000};

}  // namespace

DataPlane::DataPlane(const DataPlaneOptions& options, kernels::Device& device,
                     comm::Transport& transport, const Clock& clock,
                     const std::atomic<bool>& abandon, ViewFeed* feed)
    : options_(options),
      device_(device),
      transport_(transport),
      clock_(clock),
      abandon_(abandon),
      feed_(feed),
      counters_(transport.size()),
      lost_peers_(transport.size()),
      planner_(transport.size(), options.tokens_max, options.tokens_max * options.k_max),
      ramp_(transport.size(), options.ramp_steps) {
  options_.wire.row_place = transport.row_place();
}

Result<std::unique_ptr<DataPlane>> DataPlane::create(
    const DataPlaneOptions& options, std::shared_ptr<const placement::View> view,
    kernels::Device& device, const ExpertStore& store, comm::Transport& transport,
    const Clock& clock, const std::atomic<bool>& abandon, ViewFeed* feed) {
  std::unique_ptr<DataPlane> plane(new DataPlane(options, device, transport, clock, abandon, feed));
  transport.follow(device.queue());
  const bool any = options.roles == PlaneRoles::kAny;
  const auto* self = view->find(transport.rank());
  if (any || self->expert) {
    SY_ASSIGN(plane->server_,
              ExpertServer::create(server_options(plane->options_, *view, transport.size()), device,
                                   store, transport, clock, plane->counters_));
  }
  if (any || self->router) {
    const std::size_t expert_ranks = any ? transport.size() : expert_rank_count(*view);
    SY_TRY(plane->make_router_side(expert_ranks, expert_ranks - (any || self->expert ? 1U : 0U)));
  }
  if (feed != nullptr) {
    SY_ASSIGN(plane->breakers_, PeerBreakers::create(options.breaker, transport.size(),
                                                     transport.rank(), options.wire.micro_batches));
  }
  const std::size_t routers = any ? transport.size() : router_ranks(*view).size();
  SY_TRY(transport.reserve_rows(rows_in_flight(plane->options_, plane->server_ ? routers : 0,
                                               any || self->router ? Routes::kYes : Routes::kNo)));
  SY_TRY(plane->adopt(std::move(view)));
  return plane;
}

Result<void> DataPlane::make_router_side(std::size_t expert_ranks, std::size_t other_expert_ranks) {
  const auto shape = exchange_shape(options_, expert_ranks);
  plans_.resize(options_.wire.micro_batches);
  open_.resize(options_.wire.micro_batches);
  exchanges_.reserve(options_.wire.micro_batches);
  for (auto& plan : plans_) {
    plan.reserve(shape.expert_ranks, shape.rows_max, shape.slots_max);
    SY_ASSIGN(auto exchange,
              Exchange::create(shape, device_, transport_, server_.get(), counters_));
    exchanges_.push_back(std::move(exchange));
  }
  // One buffer for every answer that can be on its way, and one for a late one; pages are touched
  // only by what arrives.
  for (std::size_t i = 0; i < other_expert_ranks * options_.wire.micro_batches + 1; ++i) {
    SY_ASSIGN(auto answer, make_answer_memory());
    answers_.push_back(std::move(answer));
  }
  return {};
}

Result<void> DataPlane::adopt(std::shared_ptr<const placement::View> view) {
  const auto* self = view->find(transport_.rank());
  if (self != nullptr && self->router) {
    placement::NearestOptions nearest;
    SY_ASSIGN(nearest.costs, placement::parse_link_costs(options_.link_costs));
    nearest.round_trip_us = counters_.round_trip_us;
    nearest.spill_over = options_.spill_over;
    SY_ASSIGN(choice_, placement::make_replica_choice(options_.replica_choice, *view,
                                                      transport_.rank(), nearest));
  }
  for (std::uint32_t r = 0; r < transport_.size(); ++r) {
    const bool member = view->find(RankId(r)) != nullptr;
    if (breakers_ && !member) breakers_->forget(RankId(r), clock_.now());
  }
  lost_peers_.follow(*view);
  tell_lost();
  for (const auto& member : view->members) transport_.attach(member.rank, member.address);
  counters_.restricted_rows.follow(*view);
  ramp_.follow(view_.get(), *view);
  const auto last = std::exchange(view_, std::move(view));
  if (options_.timeline != nullptr) {
    const TimePoint now = options_.timeline->now();
    Span span = span_of(SpanKind::kView, ExchangeKey{view_->epoch, 0, 0, 0});
    span.count() = static_cast<std::uint32_t>(view_->members.size());
    options_.timeline->add(span, now, now);
  }
  reap_in_flight();
  const bool asks_again = last != nullptr && last->same_but_epoch(*view_);
  for (std::size_t i = 0; i < exchanges_.size(); ++i) {
    if (!exchanges_[i].open()) continue;
    const bool old = clock_.now() - open_[i].began >= options_.replay_after;
    if ((asks_again && old) ||
        exchanges_[i].needs_replay(last != nullptr ? *last : *view_, *view_)) {
      SY_TRY(replay(i));
    }
  }
  tell_breakers();
  return {};
}

Result<void> DataPlane::replay(std::size_t micro_batch) {
  SY_TRY(exchanges_[micro_batch].withdraw(in_flight_, answers_));
  if (options_.timeline != nullptr) note_exchange(micro_batch, ExchangeEnd::kWithdrawn);
  return begin_open(micro_batch);
}

void DataPlane::tell_lost() {
  for (std::uint32_t r = 0; r < transport_.size(); ++r) {
    transport_.set_lost(RankId(r), lost_peers_[RankId(r)]);
  }
}

void DataPlane::expect(const placement::View& next) {
  lost_peers_.expect(next);
  tell_lost();
}

// The exchange has waited too long for those that still owe an answer.
void DataPlane::report_overdue(std::size_t micro_batch, Duration waited) {
  const std::string why = fmt::format("no answer within {:.2f} s", to_seconds(waited));
  for (const RankId silent : exchanges_[micro_batch].silent()) {
    breakers_->report(micro_batch, silent, CallOutcome::kFailure, clock_.now(), why);
  }
  tell_breakers();
}

void DataPlane::tell_breakers() {
  if (!breakers_) return;
  while (const auto event = breakers_->next_event()) {
    counters_.breakers_opened += event->to == BreakerState::kOpen ? 1U : 0U;
    feed_->report_breaker(*event);
  }
}

void DataPlane::reap_in_flight() {
  for (auto& kept : in_flight_) {
    std::erase_if(kept.sends, [this](comm::SendTicket ticket) {
      const auto done = transport_.send_done(ticket);
      return !done || *done;  // a failed send has ended too
    });
  }
  for (auto& kept : in_flight_) {
    const auto wants = std::ranges::find_if(exchanges_, &Exchange::wants_spare);
    if (kept.sends.empty() && wants != exchanges_.end()) wants->take_spare(std::move(kept.memory));
  }
  std::erase_if(in_flight_, [](const InFlight& kept) { return kept.sends.empty(); });
}

Epoch DataPlane::oldest_epoch_in_use() const {
  Epoch oldest = view_->epoch;
  for (const auto& exchange : exchanges_) {
    if (exchange.open()) oldest = std::min(oldest, exchange.key().epoch);
  }
  return oldest;
}

void DataPlane::refuse_before(Epoch oldest) {
  if (server_) server_->set_oldest_epoch(oldest);
}

Result<void> DataPlane::follow_views() {
  if (feed_ == nullptr) return {};
  SY_ASSIGN(auto newest, feed_->poll());
  if (newest == nullptr || newest->epoch <= view_->epoch) return {};
  return adopt(std::move(newest));
}

Result<void> DataPlane::begin(std::size_t micro_batch, std::size_t moe_layer, std::uint64_t step,
                              Rows x, const routing::Selections& selections,
                              std::span<const std::uint32_t> token_keys, TokenMasks masks) {
  SY_CHECK(micro_batch < exchanges_.size(), "micro-batch {} of {}", micro_batch, exchanges_.size());
  open_[micro_batch] = {moe_layer, step, x, &selections, token_keys, masks, TimePoint{}};
  return begin_open(micro_batch);
}

Result<void> DataPlane::begin_open(std::size_t micro_batch) {
  auto& open = open_[micro_batch];
  auto& plan = plans_[micro_batch];
  open.began = clock_.now();
  std::span<const std::uint8_t> avoided;
  if (breakers_) avoided = breakers_->avoided(micro_batch, clock_.now());
  ramp_.begin_step(open.step);
  planner_.plan(*view_, open.moe_layer, *open.selections, open.token_keys, open.masks, *choice_,
                plan, avoided, ramp_.shares());
  counters_.pairs_steered += plan.steered;
  counters_.pairs_ramped += plan.ramped;
  count_restricted(micro_batch);
  if (breakers_) {
    breakers_->begin(micro_batch, plan.ranks, clock_.now());
    tell_breakers();
  }

  const ExchangeKey key{view_->epoch, static_cast<std::uint32_t>(open.moe_layer),
                        static_cast<std::uint32_t>(micro_batch), open.step};
  SY_TRY(exchanges_[micro_batch].begin(key, open.x, plan, *open.selections));
  if (options_.timeline != nullptr) {
    options_.timeline->add(span_of(SpanKind::kDispatch, key, plan), open.began,
                           options_.timeline->now());
  }
  return {};
}

void DataPlane::note_exchange(std::size_t micro_batch, ExchangeEnd end) {
  const auto& key = exchanges_[micro_batch].key();
  options_.timeline->add(span_of(SpanKind::kExchange, key, plans_[micro_batch], end),
                         open_[micro_batch].began, options_.timeline->now());
}

// The evidence that rows with a residency rule went nowhere else.
void DataPlane::count_restricted(std::size_t micro_batch) {
  const auto& plan = plans_[micro_batch];
  const auto masks = open_[micro_batch].masks;
  if (masks.empty()) return;
  for (const auto& part : plan.ranks) {
    for (std::uint32_t r = 0; r < part.row_count; ++r) {
      const RankMask* mask = masks[plan.row_token[part.row_begin + r]];
      if (mask == nullptr) continue;
      ++counters_.restricted_rows_sent[part.rank.index()];
      counters_.restricted_rows.count(mask->origin(), part.rank);
      SY_CHECK(mask->allows(part.rank), "a row may not go to rank {}", part.rank.value());
    }
  }
}

Result<void> DataPlane::await_device() {
  return device_.synchronize_while([this] { return transport_.progress(); });
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

Error DataPlane::overdue(const Exchange& exchange) const {
  return {ErrorCode::kDeadline, ErrorScope::kPeer,
          fmt::format("no answer from rank(s) {} within {:.1f} s (epoch {}, step {}, layer {})",
                      exchange.silent_ranks(), to_seconds(options_.exchange_deadline),
                      view_->epoch.value(), exchange.key().step, exchange.key().layer)};
}

// What still comes for it is dropped as late.
Result<void> DataPlane::leave(std::size_t micro_batch) {
  SY_TRY(exchanges_[micro_batch].withdraw(in_flight_, answers_));
  plans_[micro_batch].forbidden.clear();
  if (options_.timeline != nullptr) note_exchange(micro_batch, ExchangeEnd::kWithdrawn);
  if (breakers_) breakers_->end(micro_batch, CallOutcome::kNoVerdict, clock_.now());
  tell_breakers();
  return {};
}

Result<ExchangeWait> DataPlane::finish(std::size_t micro_batch, MatrixView<float> residual) {
  auto& exchange = exchanges_[micro_batch];
  const WorkSpan waiting(options_.computing, clock_, WorkSpan::Kind::kWait);
  const TimePoint start = clock_.now();
  const Deadline deadline(start + options_.exchange_deadline);
  Duration report_after = options_.silence_report_after;
  std::uint32_t idle_rounds = 0;
  bool overdue_told = false;
  while (true) {
    SY_ASSIGN(const bool complete, exchange.complete());
    if (complete) break;
    SY_ASSIGN(const bool any, progress());
    SY_TRY(follow_views());
    if (any) {
      idle_rounds = 0;
      continue;
    }
    const TimePoint before = clock_.now();
    // Whoever leads may need longer to recover; where nobody does, nobody will.
    const bool unled = feed_ == nullptr || feed_->unled() >= options_.exchange_deadline;
    if (unled && before >= deadline.at()) return Unexpected(overdue(exchange));
    if (abandon_.load(std::memory_order_relaxed)) {
      return fail(ErrorCode::kInterrupted, "stopped while waiting for rank(s) {}",
                  exchange.silent_ranks());
    }
    if (feed_ != nullptr && before - start >= options_.silence_report_after && feed_->unwanted()) {
      SY_TRY(leave(micro_batch));
      return ExchangeWait::kLeft;
    }
    if (feed_ != nullptr && before - start >= report_after) {
      // Of the view that it waits under: evidence of an older one counts for nothing.
      feed_->report_silent(view_->epoch, before - start, exchange.silent());
      report_after += std::min(report_after, kReportInterval);
    }
    if (breakers_ && !overdue_told && before - start >= options_.breaker_timeout) {
      overdue_told = true;
      report_overdue(micro_batch, before - start);
    }
    transport_.wait_a_moment(++idle_rounds);
    const auto waited_ns = static_cast<std::uint64_t>((clock_.now() - before).count());
    exchange.note_wait(waited_ns / 1000);
    counters_.wait_ns += waited_ns;  // at once: load reports are made meanwhile
  }
  if (breakers_) {
    breakers_->end(micro_batch, CallOutcome::kSuccess, clock_.now());
    tell_breakers();
  }
  const TimePoint answered = span_start(options_.timeline);
  SY_TRY(exchange.finish(residual, answers_));
  if (options_.timeline != nullptr) {
    options_.timeline->add(span_of(SpanKind::kWait, exchange.key()), start, answered);
    options_.timeline->add(span_of(SpanKind::kCombine, exchange.key()), answered,
                           options_.timeline->now());
    note_exchange(micro_batch, ExchangeEnd::kAnswered);
  }
  return ExchangeWait::kCombined;
}

}  // namespace switchyard::moe

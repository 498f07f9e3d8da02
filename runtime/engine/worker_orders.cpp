// The half of Worker that follows the controller: views, assignments, the end.
#include <algorithm>
#include <unordered_set>

#include "runtime/control/no_router.h"
#include "runtime/engine/payload.h"
#include "runtime/engine/worker.h"

namespace switchyard::engine {
namespace {

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

Result<std::shared_ptr<const placement::View>> Worker::poll() {
  while (auto message = mailbox_.take()) SY_TRY(take(std::move(*message)));
  if (refused_) return Unexpected(*refused_);
  if (unled() > options_.orphan_after) {
    return fail(ErrorCode::kDeadline, ErrorScope::kProcess,
                "no controller for {:.0f} s: this rank ends", to_seconds(unled()));
  }
  SY_TRY(load_piece());
  // A Commit may overtake the loading that was asked for it.
  if (newest_ && newest_->epoch > parts_.plane->view().epoch) {
    const WorkSpan working(&gauges_.computing, clock_, WorkSpan::Kind::kWork);
    SY_TRY(work_->load_now(*newest_));
    if (work_->view() && work_->view()->epoch <= newest_->epoch) work_->finished();
  }
  update_gauges();  // a step of many exchanges is no standstill
  report_load();    // ... and may take longer than a report may be old
  return newest_;
}

void Worker::report_silent(Epoch epoch, Duration waited, std::span<const RankId> silent) {
  const auto waited_ms = std::chrono::duration_cast<std::chrono::milliseconds>(waited).count();
  std::string names;
  for (const RankId rank : silent) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", rank.value());
  }
  log_event(log_, spdlog::level::warn, "peers_silent",
            fmt::format("no answer from rank {} for {} ms", names, waited_ms), {epoch, {}, {}});
  mailbox_.post(control::Evidence{
      epoch, static_cast<std::uint64_t>(waited_ms), {silent.begin(), silent.end()}});
}

// All that is held here has been cancelled, or the run is over: what these orders wait for, the end
// of a step, may never come.
bool Worker::unwanted() {
  if (deferred_.size() == deferred_judged_) return unwanted_;
  deferred_judged_ = deferred_.size();
  std::unordered_set<SequenceId> cancelled;
  bool leaves = false;
  for (const auto& message : deferred_) {
    leaves = leaves || std::holds_alternative<control::Leave>(message);
    if (const auto* order = std::get_if<control::Cancel>(&message)) {
      cancelled.insert(SequenceId(order->id.value()));
    }
  }
  unwanted_ = leaves || std::ranges::all_of(held_, [&](const auto& each) {
                return cancelled.contains(each.first);
              });
  return unwanted_;
}

void Worker::report_breaker(const BreakerEvent& event) {
  const char* kind = event.to == BreakerState::kOpen     ? "breaker_opened"
                     : event.to == BreakerState::kClosed ? "breaker_closed"
                                                         : "breaker_probing";
  const auto level = event.to == BreakerState::kClosed ? spdlog::level::info : spdlog::level::warn;
  log_event(log_, level, kind, event.text, {parts_.plane->view().epoch, {}, {}});
  control::EventAbout about;
  about.rank = event.peer;
  mailbox_.post(control::Event{0, kind, event.text, about});
}

Result<void> Worker::take(control::Message message) {
  std::visit(Overloaded{
                 [&](control::Welcome& welcome) {
                   if (!welcome.view) return;
                   adopted_ = Epoch();  // a controller that has restarted wants to hear it again
                   if (!newest_ || welcome.view->epoch > newest_->epoch)
                     newest_ = std::move(welcome.view);
                 },
                 [&](control::Prepare& prepare) {
                   work_->start(prepare.view, newest_.get());
                   parts_.plane->expect(*prepare.view);
                   preparing_since_ = span_start(parts_.timeline.get());
                   say("view_preparing", fmt::format("epoch {}", prepare.view->epoch.value()));
                   preparing_ = std::move(prepare);
                 },
                 [&](control::Commit& commit) {
                   adopted_ = Epoch();  // each Commit is answered, a repeated one too
                   if (newest_ && commit.view->epoch <= newest_->epoch) return;
                   newest_ = std::move(commit.view);
                   if (preparing_ && preparing_->view->epoch <= newest_->epoch) preparing_.reset();
                 },
                 [&](control::Rollback& rollback) {
                   // It may come after this rank has said that it is prepared.
                   if (!work_->view() || work_->view()->epoch != rollback.epoch) return;
                   preparing_.reset();
                   work_->give_up(newest_.get());
                   say("view_rolled_back",
                       fmt::format("epoch {}: {}", rollback.epoch.value(), rollback.reason));
                 },
                 [&](control::Retire& retire) {
                   parts_.plane->refuse_before(retire.oldest);
                   if (newest_ && newest_->epoch == retire.oldest) work_->keep_only(*newest_);
                 },
                 [&](control::Refused& refused) {
                   const auto code = newest_ ? ErrorCode::kStaleEpoch : ErrorCode::kPeer;
                   refused_ = Error{code, ErrorScope::kProcess,
                                    "the controller refused this rank: " + refused.reason};
                   say("rank_refused", refused.reason);
                 },
                 [&](auto& other) { deferred_.emplace_back(std::move(other)); },
             },
             message);
  return {};
}

// Takes in what was loaded, makes a new router's whole part, and says when all is there.
Result<void> Worker::load_piece() {
  if (!preparing_) return {};
  const Epoch epoch = preparing_->view->epoch;
  const auto* self = preparing_->view->find(transport_.rank());
  Result<bool> more = false;
  if (self != nullptr && self->router && !parts_.engine) {
    work_->pause();
    const WorkSpan working(&gauges_.computing, clock_, WorkSpan::Kind::kWork);
    if (auto made = make_engine(); !made) more = Unexpected(std::move(made).error());
    work_->resume();
  }
  if (more) more = work_->advance();
  if (more && *more) return {};
  preparing_.reset();
  if (parts_.timeline) {
    Span span;
    span.kind = SpanKind::kPrepare;
    span.epoch = epoch.value();
    parts_.timeline->add(span, preparing_since_, parts_.timeline->now());
  }
  say(more ? "view_prepared" : "view_unprepared",
      fmt::format("epoch {}{}{}", epoch.value(), more ? "" : ": ",
                  more ? "" : more.error().message));
  mailbox_.post(control::Prepared{epoch, more ? std::string() : more.error().message});
  return {};
}

Result<void> Worker::adopt_newest() {
  SY_TRY(parts_.plane->adopt(newest_));
  say("view_adopted", fmt::format("{} members", newest_->members.size()));
  return {};
}

Result<void> Worker::follow_view() {
  SY_TRY(poll());
  auto& plane = *parts_.plane;
  if (newest_ && newest_->epoch > plane.view().epoch) SY_TRY(adopt_newest());
  const Epoch in_use = plane.oldest_epoch_in_use();
  if (newest_ && adopted_ != in_use) {
    adopted_ = in_use;
    mailbox_.post(control::Adopted{in_use});
  }
  return {};
}

Result<void> Worker::do_deferred() {
  deferred_judged_ = 0;
  unwanted_ = false;
  while (!deferred_.empty()) {
    const auto message = std::move(deferred_.front());
    deferred_.pop_front();
    if (const auto* request = std::get_if<control::Assign>(&message)) assign(*request);
    if (const auto* order = std::get_if<control::Cancel>(&message)) cancel(*order);
    if (std::holds_alternative<control::Drain>(message)) {
      draining_ = true;
      say("rank_draining", "takes no new sequences");
    } else if (std::holds_alternative<control::Undrain>(message)) {
      if (std::exchange(draining_, false)) say("rank_working", "takes new sequences again");
    } else if (std::holds_alternative<control::Leave>(message)) {
      leaving_ = true;
      say("rank_leaving", "told to leave");
    }
  }
  return {};
}

void Worker::assign(const control::Assign& assign) {
  const auto trace = parse_trace_parent(assign.trace_parent);
  Held held{assign.id,
            assign.attempt,
            static_cast<std::uint32_t>(assign.tokens.size()),
            {},
            trace ? trace->trace_id_text() : std::string()};
  const auto refuse = [&](const std::string& reason) {
    say("request_refused", reason, held);
    mailbox_.post(control::Finished{assign.id, assign.attempt, reason, {}});
  };
  if (!parts_.engine) return refuse(std::string(control::kNoRouterHere));
  const SequenceId sequence(assign.id.value());
  parts_.engine->forget(sequence);
  auto request = unpack_request(assign.payload);
  if (!request) return refuse(request.error().message);
  request->id = sequence;
  if (trace) request->trace = *trace;
  request->resumed = assign.tokens;
  if (!assign.allowed.empty()) {
    request->allowed = std::make_shared<const moe::RankMask>(
        assign.allowed, transport_.size(), parts_.plane->number_of_origin(assign.origin));
  }
  held_[sequence] = held;
  if (auto added = parts_.engine->submit(std::move(*request)); !added) {
    held_.erase(sequence);
    return refuse(added.error().message);
  }
  say("request_accepted",
      fmt::format("attempt {}, {} tokens so far", assign.attempt, assign.tokens.size()), held);
}

void Worker::cancel(const control::Cancel& cancel) {
  if (!parts_.engine) return;
  const SequenceId sequence(cancel.id.value());
  if (const auto held = held_.find(sequence); held != held_.end()) {
    say("request_cancelled",
        cancel.how == control::CancelHow::kEndNow ? "ends with what it has" : "forgotten",
        held->second);
  }
  if (cancel.how == control::CancelHow::kEndNow) return parts_.engine->end_now(sequence);
  parts_.engine->forget(sequence);
  held_.erase(sequence);
}

}  // namespace switchyard::engine

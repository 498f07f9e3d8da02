#include "runtime/moe/expert_server.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/moe/exchange_spans.h"

namespace switchyard::moe {
namespace {

constexpr std::size_t kRunningUsual = 64;  // batches of which the end is not known yet

}  // namespace

ExpertServer::ExpertServer(ExpertServerOptions options, kernels::Device& device,
                           const ExpertStore& store, comm::Transport& transport, const Clock& clock,
                           Counters& counters)
    : options_(std::move(options)),
      device_(device),
      store_(store),
      transport_(transport),
      clock_(clock),
      counters_(counters),
      own_router_(router_index(transport.rank())),
      inboxes_per_router_(options_.shape.micro_batches * options_.inboxes_per_micro_batch),
      inbox_room_(options_.shape.dispatch_bytes(options_.shape.rows_max, options_.shape.pairs_max)),
      outbox_room_(options_.shape.answer_bytes(options_.shape.pairs_max)),
      inboxes_(options_.routers.size() * inboxes_per_router_),
      last_seen_(options_.routers.size(), TimePoint::min()) {
  const std::size_t pairs = inboxes_.size() * options_.shape.pairs_max;
  counters_.expert_pairs.resize(options_.shape.layers * options_.shape.experts);
  expert_begin_.resize(options_.shape.experts + 1);
  pair_row_.reserve(pairs);
  pair_out_.reserve(pairs);
  groups_.reserve(options_.shape.experts);
  batch_.reserve(inboxes_.size());
  running_.reserve(kRunningUsual);
}

Result<std::unique_ptr<ExpertServer>> ExpertServer::create(ExpertServerOptions options,
                                                           kernels::Device& device,
                                                           const ExpertStore& store,
                                                           comm::Transport& transport,
                                                           const Clock& clock, Counters& counters) {
  std::unique_ptr<ExpertServer> server(
      new ExpertServer(std::move(options), device, store, transport, clock, counters));
  const auto& shape = server->options_.shape;
  const std::size_t inboxes = server->inboxes_.size();
  SY_ASSIGN(server->x_,
            MessageMemory::create(device, shape.row_place, server->inbox_room_.times(inboxes),
                                  shape.operand_stride_bytes()));
  SY_ASSIGN(server->y_,
            MessageMemory::create_to_send(device, transport, server->outbox_room_.times(inboxes),
                                          shape.answer_stride_bytes()));
  SY_CHECK(server->x_.matrix_rows() < UINT32_MAX && server->y_.matrix_rows() < UINT32_MAX,
           "{} inboxes of {} bytes", inboxes, server->inbox_room_.sum());
  return server;
}

std::optional<std::size_t> ExpertServer::router_index(RankId rank) const {
  const auto found = std::lower_bound(options_.routers.begin(), options_.routers.end(), rank);
  if (found == options_.routers.end() || *found != rank) return std::nullopt;
  return static_cast<std::size_t>(found - options_.routers.begin());
}

bool ExpertServer::is_own(std::size_t inbox) const {
  return own_router_ && inbox / inboxes_per_router_ == *own_router_;
}

std::size_t ExpertServer::first_answer_row(std::size_t inbox) const {
  return y_.first_row(outbox_room_.times(inbox), outbox_room_.head);
}

Rows ExpertServer::answer_rows(std::size_t inbox) const {
  const auto& shape = options_.shape;
  const std::size_t stride = shape.answer_stride_bytes();
  return Rows{y_.matrix() + first_answer_row(inbox) * stride, shape.answer,
              inboxes_[inbox].dispatch.pairs.size(), shape.hidden,
              stride / size_bytes(shape.answer)};
}

std::size_t ExpertServer::own_index(std::size_t micro_batch) const {
  return *own_router_ * inboxes_per_router_ + micro_batch;
}

Result<void> ExpertServer::accept_own(const Dispatch& dispatch, const OwnRows& own) {
  SY_CHECK(own_router_.has_value() && dispatch.key.micro_batch < options_.shape.micro_batches);
  SY_CHECK(own.rows.size() == dispatch.row_count && own.x.dtype == options_.shape.operand &&
               own.x.cols == options_.shape.hidden,
           "{} rows of {} elements", own.rows.size(), own.x.cols);
  const std::size_t inbox = own_index(dispatch.key.micro_batch);
  inboxes_[inbox].own = own;
  return enqueue(inbox, dispatch);
}

std::optional<Rows> ExpertServer::own_answer(std::size_t micro_batch) const {
  const std::size_t inbox = own_index(micro_batch);
  if (inboxes_[inbox].state != Inbox::State::kServed) return std::nullopt;
  return answer_rows(inbox);
}

void ExpertServer::note_open_jobs() const {
  if (options_.open_jobs == nullptr) return;
  const auto open = std::ranges::count(inboxes_, Inbox::State::kWaiting, &Inbox::state);
  options_.open_jobs->store(static_cast<std::uint32_t>(open), std::memory_order_relaxed);
}

Result<void> ExpertServer::accept(std::size_t inbox, Bytes message, std::size_t row_bytes) {
  const auto dispatch = read_dispatch(options_.shape, message, row_bytes);
  if (!dispatch) {
    const RankId from = options_.routers[inbox / inboxes_per_router_];
    return with_place(dispatch.error(), fmt::format("from rank {}", from.value()));
  }
  return enqueue(inbox, *dispatch);
}

Result<void> ExpertServer::enqueue(std::size_t inbox, const Dispatch& dispatch) {
  auto& box = inboxes_[inbox];
  box.dispatch = dispatch;
  const auto parts = options_.shape.dispatch_bytes(dispatch.row_count, dispatch.pairs.size());
  box.first_row = x_.first_row(inbox_room_.times(inbox), parts.head);
  box.arrived = clock_.now();
  last_seen_[inbox / inboxes_per_router_] = box.arrived;
  supersede(inbox);
  if (const auto refused = refusal(box.dispatch)) return post(inbox, *refused);
  box.state = Inbox::State::kWaiting;
  counters_.pairs_received += dispatch.pairs.size();
  note_open_jobs();
  return {};
}

std::optional<Answer> ExpertServer::refusal(const Dispatch& dispatch) const {
  if (dispatch.key.epoch < options_.oldest_epoch) {
    return Answer{dispatch.key, AnswerStatus::kStaleEpoch, 0, 0};
  }
  for (const auto& pair : dispatch.pairs) {
    if (store_.find(dispatch.key.layer, ExpertId(pair.expert)) == nullptr) {
      return Answer{dispatch.key, AnswerStatus::kUnknownExpert, pair.expert, 0};
    }
  }
  return std::nullopt;
}

Result<void> ExpertServer::post(std::size_t inbox, const Answer& answer) {
  auto& box = inboxes_[inbox];
  box.state = Inbox::State::kServed;
  if (is_own(inbox)) {
    // The own router planned with the same view and store: a refusal here is our own mistake.
    SY_CHECK(answer.status == AnswerStatus::kServed, "own dispatch refused, expert {}",
             answer.refused_expert);
    return {};
  }
  const MessageBytes size = options_.shape.answer_bytes(answer.pair_count);
  const auto message = y_.message(outbox_room_.times(inbox), size);
  write_answer_head(options_.shape, answer, message.head);
  const RankId to = options_.routers[inbox / inboxes_per_router_];
  SY_ASSIGN(box.sending,
            transport_.send_rows(to, comm::Channel::kCombine, message.head, message.rows));
  counters_.bytes_sent[to.index()] += size.sum();
  ++counters_.messages_sent[to.index()];
  return {};
}

// The oldest waiting dispatch decides the layer. It is served at once when every router that has
// been active lately waits for us, for this layer or another (then it can send no more rows until
// it is answered), or when the gather window is over.
std::optional<std::uint32_t> ExpertServer::ready_layer() const {
  const Inbox* oldest = nullptr;
  for (const auto& box : inboxes_) {
    if (box.state != Inbox::State::kWaiting) continue;
    if (oldest == nullptr || box.arrived < oldest->arrived) oldest = &box;
  }
  if (oldest == nullptr) return std::nullopt;
  const std::uint32_t layer = oldest->dispatch.key.layer;
  const TimePoint now = clock_.now();
  if (options_.routers.size() == 1 || now - oldest->arrived >= options_.gather_window) return layer;
  for (std::size_t r = 0; r < options_.routers.size(); ++r) {
    if (last_seen_[r] == TimePoint::min()) continue;
    if (now - last_seen_[r] > options_.router_active_window) continue;
    const auto first = inboxes_.begin() + static_cast<std::ptrdiff_t>(r * inboxes_per_router_);
    const bool waits =
        std::any_of(first, first + static_cast<std::ptrdiff_t>(inboxes_per_router_),
                    [](const Inbox& box) { return box.state == Inbox::State::kWaiting; });
    if (!waits) return std::nullopt;
  }
  return layer;
}

// in_place: the only dispatch of the batch, whose rows are read where its router has them.
void ExpertServer::group_pairs(std::uint32_t layer, const Inbox* in_place) {
  std::fill(expert_begin_.begin(), expert_begin_.end(), 0U);
  std::uint32_t total = 0;
  for (const std::size_t inbox : batch_) {
    for (const auto& pair : inboxes_[inbox].dispatch.pairs) ++expert_begin_[pair.expert];
    total += static_cast<std::uint32_t>(inboxes_[inbox].dispatch.pairs.size());
  }
  groups_.clear();
  std::uint32_t begin = 0;
  for (std::uint32_t e = 0; e < options_.shape.experts; ++e) {
    const std::uint32_t count = expert_begin_[e];
    expert_begin_[e] = begin;
    counters_.expert_pairs[layer * options_.shape.experts + e] += count;
    if (count != 0) groups_.push_back({store_.find(layer, ExpertId(e)), begin, count});
    begin += count;
  }
  pair_row_.resize(total);
  pair_out_.resize(total);
  for (const std::size_t inbox : batch_) {
    const auto& box = inboxes_[inbox];
    const std::size_t y_row = first_answer_row(inbox);
    for (std::size_t p = 0; p < box.dispatch.pairs.size(); ++p) {
      const auto& pair = box.dispatch.pairs[p];
      const std::uint32_t at = expert_begin_[pair.expert]++;
      pair_row_[at] = in_place != nullptr ? in_place->own.rows[pair.row]
                                          : static_cast<std::uint32_t>(box.first_row + pair.row);
      pair_out_[at] = static_cast<std::uint32_t>(y_row + p);
    }
  }
}

// All inboxes as one matrix; the own router's rows of this batch are copied into theirs.
Rows ExpertServer::gathered_rows() {
  const auto& shape = options_.shape;
  const std::size_t stride = shape.operand_stride_bytes();
  for (const std::size_t inbox : batch_) {
    if (!is_own(inbox)) continue;
    const auto& box = inboxes_[inbox];
    const MutableRows to{x_.matrix() + box.first_row * stride, shape.operand, box.own.rows.size(),
                         shape.hidden, stride / size_bytes(shape.operand)};
    device_.gather_rows(box.own.x, box.own.rows, to);
  }
  return {x_.matrix(), shape.operand, x_.matrix_rows(), shape.hidden,
          stride / size_bytes(shape.operand)};
}

Result<void> ExpertServer::serve(std::uint32_t layer) {
  batch_.clear();
  for (std::size_t inbox = 0; inbox < inboxes_.size(); ++inbox) {
    const auto& box = inboxes_[inbox];
    if (box.state == Inbox::State::kWaiting && box.dispatch.key.layer == layer) {
      batch_.push_back(inbox);
    }
  }
  const WorkSpan working(options_.computing, clock_, WorkSpan::Kind::kWork);
  const TimePoint start = clock_.now();
  const bool alone = batch_.size() == 1 && is_own(batch_.front());
  const Inbox* in_place = alone ? &inboxes_[batch_.front()] : nullptr;
  group_pairs(layer, in_place);
  const auto& shape = options_.shape;
  const Rows x = alone ? in_place->own.x : gathered_rows();
  const MutableRows y{y_.matrix(), shape.answer, y_.matrix_rows(), shape.hidden,
                      shape.answer_stride_bytes() / size_bytes(shape.answer)};
  device_.expert_ffn(x, pair_row_, pair_out_, groups_, y);
  SY_TRY(end_batch(start));
  ++counters_.batches_served;
  counters_.batch_jobs += batch_.size();
  bool away = false;
  for (const std::size_t inbox : batch_) {
    away |= !is_own(inbox);
    const auto delay_us = (start - inboxes_[inbox].arrived).count() / 1000;
    counters_.queue_delay_us[counters_.queue_delay_count++ % Counters::kDelaysKept] =
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(delay_us, 0, UINT32_MAX));
    const auto& dispatch = inboxes_[inbox].dispatch;
    counters_.pairs_served += dispatch.pairs.size();
    // Before the answer leaves: its router may have it, and end its leg, at once.
    if (options_.timeline != nullptr) {
      options_.timeline->add(job_of(dispatch, options_.routers[inbox / inboxes_per_router_]),
                             inboxes_[inbox].arrived, options_.timeline->now());
    }
    SY_TRY(post(inbox, Answer{dispatch.key, AnswerStatus::kServed, 0, dispatch.pairs.size()}));
  }
  if (away) SY_TRY(transport_.progress());  // all answers in one go
  if (options_.timeline != nullptr) note_batch(start);
  note_open_jobs();
  return {};
}

Result<bool> ExpertServer::progress() {
  bool any = false;
  if (!running_.empty()) SY_TRY(note_busy());
  while (true) {
    SY_ASSIGN(const bool received, receive_one());
    if (!received) break;
    any = true;
  }
  if (const auto layer = ready_layer()) {
    SY_TRY(serve(*layer));
    any = true;
  }
  return any;
}

Result<bool> ExpertServer::idle() {
  for (std::size_t inbox = 0; inbox < inboxes_.size(); ++inbox) {
    auto& box = inboxes_[inbox];
    if (box.state == Inbox::State::kWaiting) return false;
    if (!box.sending) continue;
    SY_ASSIGN(const bool done, transport_.send_done(*box.sending));
    if (!done) return false;
    box.sending.reset();
    box.state = Inbox::State::kEmpty;
  }
  return true;
}

}  // namespace switchyard::moe

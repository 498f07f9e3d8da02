#include "runtime/control/mailbox.h"

#include <algorithm>
#include <utility>

namespace switchyard::control {
namespace {

void add_to(std::vector<std::uint64_t>& sums, const std::vector<std::uint64_t>& more) {
  if (sums.size() < more.size()) sums.resize(more.size());
  for (std::size_t i = 0; i < more.size(); ++i) sums[i] += more[i];
}

void add_to(std::vector<RestrictedSent>& sums, const std::vector<RestrictedSent>& more) {
  for (const RestrictedSent& sent : more) {
    const auto same = std::ranges::find_if(sums, [&](const RestrictedSent& sum) {
      return sum.origin == sent.origin && sum.region == sent.region;
    });
    if (same != sums.end()) {
      same->rows += sent.rows;
    } else {
      sums.push_back(sent);
    }
  }
}

// Two windows as one: counts add up, shares are weighted by time, the worse delay stands.
void merge(LoadReport& into, const LoadReport& more) {
  const double seconds = into.seconds + more.seconds;
  if (seconds > 0) {
    into.busy_share = (into.busy_share * into.seconds + more.busy_share * more.seconds) / seconds;
    into.cpu_share = (into.cpu_share * into.seconds + more.cpu_share * more.seconds) / seconds;
  }
  into.seconds = seconds;
  into.queue_delay_us_p95 = std::max(into.queue_delay_us_p95, more.queue_delay_us_p95);
  into.step_us_p50 = more.step_us_p50;
  into.step_us_p95 = std::max(into.step_us_p95, more.step_us_p95);
  into.cpu_busy_share = more.cpu_busy_share;
  into.memory_share = more.memory_share;
  into.rss_bytes = more.rss_bytes;
  into.tokens += more.tokens;
  add_to(into.expert_pairs, more.expert_pairs);
  add_to(into.wait_us_by_peer, more.wait_us_by_peer);
  add_to(into.bytes_by_peer, more.bytes_by_peer);
  into.round_trip_us_by_peer = more.round_trip_us_by_peer;
  add_to(into.restricted_rows, more.restricted_rows);
}

// Whether `more` goes on exactly where `into` ends.
bool append(Progress& into, const Progress& more) {
  if (into.attempt != more.attempt || into.first + into.tokens.size() != more.first) return false;
  into.tokens.insert(into.tokens.end(), more.tokens.begin(), more.tokens.end());
  return true;
}

}  // namespace

std::optional<Message> Mailbox::take() {
  // What is delivered just now may be missed; the next turn finds it.
  if (waiting_.load(std::memory_order_acquire) == 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  auto message = std::move(to_engine_.front());  // nobody else takes
  to_engine_.pop_front();
  waiting_.store(to_engine_.size(), std::memory_order_release);
  return message;
}

bool Mailbox::merged(Message& message) {
  if (const auto* progress = std::get_if<Progress>(&message)) {
    const auto found = progress_at_.find(progress->id);
    if (found == progress_at_.end()) return false;
    return append(std::get<Progress>(to_controller_[found->second - sent_]), *progress);
  }
  const bool latest_counts =
      std::holds_alternative<Heartbeat>(message) || std::holds_alternative<Evidence>(message);
  if (!latest_counts && !std::holds_alternative<LoadReport>(message)) return false;
  const auto same = std::ranges::find(to_controller_, message.index(), &Message::index);
  if (same == to_controller_.end()) return false;
  if (latest_counts) {
    *same = std::move(message);
  } else {
    merge(std::get<LoadReport>(*same), std::get<LoadReport>(message));
  }
  return true;
}

void Mailbox::post(Message message) {
  {
    const std::lock_guard lock(mutex_);
    note_posted(message);
    if (!merged(message)) {
      if (const auto* progress = std::get_if<Progress>(&message)) {
        progress_at_[progress->id] = sent_ + to_controller_.size();
      }
      to_controller_.push_back(std::move(message));
    }
  }
  if (wake_) wake_();
}

void Mailbox::note_posted(const Message& message) {
  if (const auto* progress = std::get_if<Progress>(&message)) {
    const auto held = held_.find(progress->id);
    if (held == held_.end() || held->second.attempt != progress->attempt) return;
    auto& tokens = held->second.tokens;
    tokens.insert(tokens.end(), progress->tokens.begin(), progress->tokens.end());
  } else if (const auto* finished = std::get_if<Finished>(&message)) {
    const auto held = held_.find(finished->id);
    if (held != held_.end() && held->second.attempt == finished->attempt) held_.erase(held);
  } else if (const auto* adopted = std::get_if<Adopted>(&message)) {
    followed_ = std::max(followed_, adopted->epoch);
  }
}

void Mailbox::note_delivered(const Message& message) {
  if (const auto* assign = std::get_if<Assign>(&message)) {
    held_[assign->id] = {assign->id, assign->attempt, assign->tokens};
  } else if (const auto* cancel = std::get_if<Cancel>(&message)) {
    if (cancel->how == CancelHow::kForget) held_.erase(cancel->id);
  } else if (const auto* commit = std::get_if<Commit>(&message)) {
    if (commit->view) followed_ = std::max(followed_, commit->view->epoch);
  } else if (const auto* welcome = std::get_if<Welcome>(&message)) {
    if (welcome->view) followed_ = std::max(followed_, welcome->view->epoch);
  }
}

void Mailbox::show_view(const Message& message) const {
  const auto* commit = std::get_if<Commit>(&message);
  const auto* welcome = std::get_if<Welcome>(&message);
  if (commit != nullptr) see_(commit->view);
  if (welcome != nullptr && welcome->view != nullptr) see_(welcome->view);
}

void Mailbox::deliver(Message message) {
  if (see_) show_view(message);
  {
    const std::lock_guard lock(mutex_);
    note_delivered(message);
    to_engine_.push_back(std::move(message));
    waiting_.store(to_engine_.size(), std::memory_order_release);
  }
  if (wake_engine_) wake_engine_();
}

std::optional<Message> Mailbox::next_to_send() {
  const std::lock_guard lock(mutex_);
  if (to_controller_.empty()) return std::nullopt;
  auto message = std::move(to_controller_.front());
  to_controller_.pop_front();
  if (const auto* progress = std::get_if<Progress>(&message)) {
    const auto found = progress_at_.find(progress->id);
    if (found != progress_at_.end() && found->second == sent_) progress_at_.erase(found);
  }
  ++sent_;
  return message;
}

Mailbox::Standing Mailbox::standing() const {
  const std::lock_guard lock(mutex_);
  Standing standing{{}, followed_};
  for (const auto& [id, held] : held_) standing.held.push_back(held);
  return standing;
}

}  // namespace switchyard::control

#include "runtime/control/ledger.h"

#include <algorithm>
#include <functional>

#include "runtime/base/check.h"

namespace switchyard::control {

void Ledger::make_room(std::size_t count, MakeRoom how) {
  while (requests_.size() + count > requests_max_ && !done_.empty() &&
         (how == MakeRoom::kOfDone || requests_.at(done_.front()).delivered_at)) {
    drop_oldest_done();
  }
}

void Ledger::drop_oldest_done() {
  const auto oldest = requests_.find(done_.front());
  names_.erase(oldest->second.what.name);
  requests_.erase(oldest);
  done_.pop_front();
}

void Ledger::expire(Duration kept, TimePoint now) {
  while (!done_.empty()) {
    const auto& delivered_at = requests_.at(done_.front()).delivered_at;
    if (!delivered_at || now - *delivered_at < kept) return;
    drop_oldest_done();
  }
}

Result<void> Ledger::submit_again(std::vector<NewRequest> requests, TimePoint now) {
  make_room(requests.size(), MakeRoom::kOfDone);
  SY_TRY(submit(std::move(requests), now));
  return {};
}

Result<void> Ledger::restore(Request request, TimePoint now) {
  const bool assigned = request.state == RequestState::kAssigned;
  if (request.id >= next_ || (assigned && request.attempt == 0)) {
    return switchyard::fail(ErrorCode::kBadInput, "request {} cannot be", request.id.value());
  }
  request.waiting_since = now;
  if (find(request.id) != nullptr) {
    return switchyard::fail(ErrorCode::kBadInput, "request {} is there twice", request.id.value());
  }
  if (request.state == RequestState::kWaiting) waiting_.add(request.id, request.what.regime, now);
  if (assigned) assigned_[request.holder.rank].insert(request.id);
  if (request.state == RequestState::kDone) done_.push_back(request.id);
  hold(std::move(request));
  return {};
}

void Ledger::hold(Request request) {
  if (!request.what.name.empty()) names_.insert(request.what.name);
  requests_.emplace(request.id, std::move(request));
}

std::vector<NewRequest> Ledger::unknown(std::vector<NewRequest> requests) const {
  std::set<std::string> asked;
  std::erase_if(requests, [&](const NewRequest& what) {
    if (what.name.empty()) return false;
    return names_.contains(what.name) || !asked.insert(what.name).second;
  });
  return requests;
}

Result<std::vector<RequestId>> Ledger::submit(std::vector<NewRequest> requests, TimePoint now) {
  make_room(requests.size(), MakeRoom::kOfDelivered);
  if (requests_.size() + requests.size() > requests_max_) {
    return switchyard::fail(ErrorCode::kLimit,
                            "{} requests are held and {} more asked for; at most {}",
                            requests_.size(), requests.size(), requests_max_);
  }
  std::vector<RequestId> ids;
  for (NewRequest& what : requests) {
    Request request;
    request.id = next_;
    request.what = std::move(what);
    request.waiting_since = now;
    ids.push_back(next_);
    waiting_.add(next_, request.what.regime, now);
    hold(std::move(request));
    next_ = next_.next();
  }
  return ids;
}

std::uint32_t Ledger::assign(RequestId id, Holder holder) {
  Request& request = at(id);
  SY_CHECK(request.state == RequestState::kWaiting, "request {} is not waiting", id.value());
  leave_state(request);
  request.state = RequestState::kAssigned;
  request.holder = holder;
  request.tokens_before = request.tokens.size();
  request.given = ++given_;
  assigned_[holder.rank].insert(id);
  return ++request.attempt;
}

// The outcome where the word may not be taken.
std::optional<WordOutcome> Ledger::refuse(const Holder& from, RequestId id,
                                          std::uint32_t attempt) const {
  if (id.value() >= next_.value() || attempt == 0) return WordOutcome::kForeign;
  const Request* request = find(id);
  if (request == nullptr) return WordOutcome::kStale;  // done and delivered long ago
  if (attempt > request->attempt) return WordOutcome::kForeign;
  if (attempt < request->attempt || request->state != RequestState::kAssigned) {
    return WordOutcome::kStale;
  }
  if (request->holder != from) return WordOutcome::kForeign;
  return std::nullopt;
}

WordOutcome Ledger::progress(const Holder& from, const Progress& word) {
  if (const auto refused = refuse(from, word.id, word.attempt)) return *refused;
  Request& request = at(word.id);
  if (word.first > request.tokens.size()) return WordOutcome::kGap;
  const std::size_t known = std::min(request.tokens.size() - word.first, word.tokens.size());
  const auto fresh = word.tokens.begin() + static_cast<std::ptrdiff_t>(known);
  if (!std::equal(word.tokens.begin(), fresh, request.tokens.begin() + word.first)) {
    return WordOutcome::kDiffers;
  }
  orphan_from(request, {});
  if (fresh == word.tokens.end()) return WordOutcome::kStale;
  request.tokens.insert(request.tokens.end(), fresh, word.tokens.end());
  return WordOutcome::kTaken;
}

WordOutcome Ledger::finish(const Holder& from, Finished word) {
  if (const auto refused = refuse(from, word.id, word.attempt)) return *refused;
  end(at(word.id), std::move(word.error), std::move(word.payload));
  return WordOutcome::kTaken;
}

void Ledger::fail(RequestId id, std::string error, std::vector<std::byte> result) {
  Request& request = at(id);
  SY_CHECK(request.state != RequestState::kDone, "request {} is done", id.value());
  end(request, std::move(error), std::move(result));
}

void Ledger::leave_state(Request& request) {
  waiting_.remove(request.id);
  if (request.state == RequestState::kAssigned) assigned_[request.holder.rank].erase(request.id);
  orphan_from(request, {});
}

void Ledger::orphan_from(Request& request, std::optional<TimePoint> at) {
  if (request.orphan_at) orphans_.erase({*request.orphan_at, request.id});
  request.orphan_at = at;
  if (at) orphans_.emplace(*at, request.id);
}

void Ledger::end(Request& request, std::string error, std::vector<std::byte> result) {
  leave_state(request);
  request.state = RequestState::kDone;
  request.error = std::move(error);
  request.result = std::move(result);
  request.tokens = {};
  request.what.payload = {};
  done_.push_back(request.id);
}

void Ledger::release(RequestId id, TimePoint now, std::optional<TimePoint> retry_at) {
  Request& request = at(id);
  SY_CHECK(request.state == RequestState::kAssigned, "request {} is not assigned", id.value());
  leave_state(request);
  request.state = RequestState::kWaiting;
  request.waiting_since = now;
  waiting_.add(id, request.what.regime, now, retry_at);
}

std::vector<RequestId> Ledger::held_by(const Holder& holder) const {
  std::vector<RequestId> out;
  const auto found = assigned_.find(holder.rank);
  if (found == assigned_.end()) return out;
  for (const RequestId id : found->second) {
    if (requests_.at(id).holder == holder) out.push_back(id);
  }
  return out;
}

std::vector<RequestId> Ledger::unbegun(const Holder& holder, std::size_t count) const {
  std::vector<RequestId> out = held_by(holder);
  std::erase_if(out, [&](RequestId id) {
    const Request& request = requests_.at(id);
    return request.tokens.size() > request.tokens_before;
  });
  std::ranges::sort(out, std::greater{},
                    [&](RequestId id) { return std::pair(requests_.at(id).given, id); });
  if (out.size() > count) out.resize(count);
  return out;
}

Result<std::vector<RequestId>> Ledger::reconcile(const Holder& holder,
                                                 const std::vector<HeldRequest>& held,
                                                 TimePoint orphan_at) {
  std::vector<RequestId> forget;
  std::set<RequestId> claimed;
  for (const HeldRequest& own : held) {
    if (const auto refused = refuse(holder, own.id, own.attempt)) {
      if (*refused == WordOutcome::kForeign && own.id.value() >= next_.value()) {
        return switchyard::fail(ErrorCode::kPeer, "rank {} holds request {}, which was never made",
                                holder.rank.value(), own.id.value());
      }
      forget.push_back(own.id);
      continue;
    }
    claimed.insert(own.id);
  }
  for (const RequestId id : held_by(holder)) {
    Request& request = at(id);
    if (claimed.contains(id)) {
      orphan_from(request, {});
    } else if (!request.orphan_at) {
      orphan_from(request, orphan_at);
    }
  }
  return forget;
}

const Request* Ledger::find(RequestId id) const {
  const auto found = requests_.find(id);
  return found == requests_.end() ? nullptr : &found->second;
}

Request& Ledger::at(RequestId id) {
  const auto found = requests_.find(id);
  SY_CHECK(found != requests_.end(), "no request {}", id.value());
  return found->second;
}

std::optional<RequestId> Ledger::orphan(TimePoint now) const {
  if (orphans_.empty() || orphans_.begin()->first > now) return std::nullopt;
  return orphans_.begin()->second;
}

std::size_t Ledger::open_count(RankId rank) const {
  const auto found = assigned_.find(rank);
  return found == assigned_.end() ? 0 : found->second.size();
}

}  // namespace switchyard::control

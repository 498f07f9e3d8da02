#include "comm/nccl/lane.h"

#include <algorithm>
#include <cstring>

#include "comm/nccl/shrink.h"
#include "runtime/base/check.h"

namespace switchyard::comm::nccl {
namespace {

static_assert(sizeof(ncclUniqueId) == kInvitationIdBytes);

ncclConfig_t lane_config(const Invitation& invitation) {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  config.maxCTAs = invitation.blocks;
  return config;
}

}  // namespace

int Lane::place_of(RankId rank) const {
  const auto& members = invitation_.members;
  const auto found = std::ranges::lower_bound(members, rank);
  SY_CHECK(found != members.end() && *found == rank, "rank {} is not in this lane", rank.value());
  return static_cast<int>(found - members.begin());
}

void Lane::forget_transfers() {
  queued_.clear();
  written_ = {};
  launching_ = false;
  for (Group& group : groups_) events_.push_back(std::move(group.over));
  groups_.clear();
  launched_ = completed_ = asked_;
}

void Lane::end(ncclComm_t& comm, Registrations registrations) {
  if (comm == nullptr) return;
  gone_.push_back(
      reaper_->abort(std::exchange(comm, nullptr), {gpu_, stream_}, std::move(registrations)));
}

void Lane::end_shrinking() {
  if (parent_ == nullptr) return;
  gone_.push_back(
      reaper_->abort_making(std::exchange(parent_, nullptr), std::move(rest_), {gpu_, stream_}));
}

void Lane::stop(Ending ending) {
  const bool in_order = ending == Ending::kInOrder && state_ == State::kReady && !busy();
  auto registrations = std::exchange(registrations_, {});
  end_shrinking();
  end(comm_, in_order ? std::move(registrations) : Registrations{});
  plain_only_ = false;
  complete_ = false;
  failed_.reset();
  forget_transfers();
  state_ = gone_.empty() ? State::kIdle : State::kClearing;
  invitation_.members.clear();
}

void Lane::restart(const Invitation& invitation, RankId self) {
  stop();
  invitation_ = invitation;
  self_ = self;
  state_ = State::kClearing;
}

void Lane::restart_with_rest(const Invitation& rest, RankId self) {
  SY_CHECK(can_be_rest(), "no communicator to make one of");
  std::vector<int> places_left_out;
  for (const RankId member : invitation_.members) {
    if (!std::ranges::binary_search(rest.members, member)) {
      places_left_out.push_back(place_of(member));
    }
  }
  forget_transfers();
  complete_ = false;
  invitation_ = rest;
  self_ = self;
  parent_ = std::exchange(comm_, nullptr);
  registrations_.clear();  // they go with it
  state_ = State::kShrinking;
  rest_ = std::make_shared<ncclComm_t>(nullptr);
  if (auto begun = shrink(parent_, std::move(places_left_out), lane_config(rest), *rest_); !begun) {
    failed_ = std::move(begun).error();
  }
}

void Lane::send(const std::byte* rows, std::size_t bytes, RankId to, RowsWritten written) {
  ++asked_;
  if (written.number > written_.number) written_ = written;
  // NCCL takes what it sends as const; the queue holds both directions.
  queued_.push_back({const_cast<std::byte*>(rows), bytes, place_of(to), true});
}

std::uint64_t Lane::receive(std::byte* rows, std::size_t bytes, RankId from) {
  queued_.push_back({rows, bytes, place_of(from), false});
  return ++asked_;
}

bool Lane::busy() const noexcept {
  return clearing() || state_ == State::kJoining ||
         (state_ == State::kReady && (launching_ || !queued_.empty() || !groups_.empty()));
}

Result<void> Lane::poll() {
  auto advanced = advance();
  if (advanced) return {};
  if (advanced.error().scope == ErrorScope::kDevice) return advanced;
  why_ = std::move(advanced).error();
  state_ = State::kBroken;
  return {};
}

// The old one is ended when the next is there, or has failed.
Result<void> Lane::next_of_shrinking() {
  if (!failed_) {
    const auto there = settled(parent_, "leaving ranks out of a communicator");
    if (there && !*there) return {};
    if (!there) failed_ = there.error();
    if (there && *rest_ == nullptr) {
      failed_ = Error{ErrorCode::kInternal, ErrorScope::kCommunicator,
                      "nccl: leaving ranks out of a communicator: there is none"};
    }
  }
  if (failed_) {
    end_shrinking();
  } else {
    comm_ = *std::exchange(rest_, nullptr);
    end(parent_);
  }
  state_ = State::kClearing;
  return {};
}

Result<void> Lane::next_of_clearing() {
  if (!std::ranges::all_of(gone_, [](const Reaper::Gone& each) { return each->load(); })) return {};
  gone_.clear();
  if (failed_) return Unexpected(*std::exchange(failed_, std::nullopt));
  if (comm_ != nullptr) return become_ready();
  if (invitation_.members.empty()) {
    state_ = State::kIdle;
    return {};
  }
  SY_TRY(join());
  state_ = State::kJoining;
  return {};
}

// Before anything moves: what is registered later would be of no use to what is under way.
Result<void> Lane::become_ready() {
  if (invitation_.registered) {
    auto registered = register_memory(comm_, memory_);
    plain_only_ = !registered;
    if (!registered) return Unexpected(std::move(registered).error());
    registrations_ = std::move(registered).value();
  }
  state_ = State::kReady;
  complete_ = true;
  return {};
}

Result<void> Lane::advance() {
  if (state_ == State::kShrinking) SY_TRY(next_of_shrinking());
  if (state_ == State::kClearing) SY_TRY(next_of_clearing());
  if (state_ == State::kJoining) {
    SY_ASSIGN(const bool joined, settled(comm_, "joining a communicator"));
    if (!joined) return {};
    SY_TRY(become_ready());
  }
  if (state_ != State::kReady) return {};
  if (launching_ || !groups_.empty()) {
    SY_ASSIGN(const bool in_stream, settled(comm_, "moving rows"));
    if (!in_stream) return {};
  }
  if (launching_) SY_TRY(mark_group());
  SY_TRY(collect());
  return queued_.empty() ? Result<void>{} : launch();
}

Result<void> Lane::join() {
  if (stream_ == nullptr) {
    SY_ASSIGN(auto stream, make_stream());
    stream_ = std::make_shared<const Stream>(std::move(stream));
  }
  ncclUniqueId id{};
  std::memcpy(&id, invitation_.id.data(), sizeof id);
  ncclConfig_t config = lane_config(invitation_);
  return check_nccl(ncclCommInitRankConfig(&comm_, static_cast<int>(invitation_.members.size()), id,
                                           place_of(self_), &config),
                    "joining a communicator");
}

// Whether the last call on the communicator is done.
Result<bool> Lane::settled(ncclComm_t comm, std::string_view what) {
  ncclResult_t state = ncclSuccess;
  SY_TRY(check_nccl(ncclCommGetAsyncError(comm, &state), "asking for errors"));
  if (state == ncclInProgress) return false;
  if (auto fine = check_nccl(state, what); !fine) {
    fine.error().message += fmt::format(" ({})", ncclGetLastError(comm));
    return Unexpected(std::move(fine).error());
  }
  return true;
}

// All that waits, as one group: transfers with different peers run side by side.
Result<void> Lane::launch() {
  if (const RowsWritten written = std::exchange(written_, {}); written.point != nullptr) {
    SY_TRY(check_cuda(cudaStreamWaitEvent(stream_->get(), written.point, 0), "waiting for rows"));
  }
  SY_TRY(check_nccl(ncclGroupStart(), "opening a group"));
  Result<void> called{};
  for (const Transfer& each : queued_) {
    const ncclResult_t status =
        each.sends ? ncclSend(each.rows, each.bytes, ncclUint8, each.peer, comm_, stream_->get())
                   : ncclRecv(each.rows, each.bytes, ncclUint8, each.peer, comm_, stream_->get());
    called = check_nccl(status, each.sends ? "sending rows" : "receiving rows");
    if (!called) break;
  }
  const auto ended = check_nccl(ncclGroupEnd(), "closing a group");
  SY_TRY(std::move(called));
  SY_TRY(ended);
  queued_.clear();
  launched_ = asked_;
  launching_ = true;
  return {};
}

Result<void> Lane::mark_group() {
  launching_ = false;
  if (events_.empty()) {
    SY_ASSIGN(auto event, make_event());
    events_.push_back(std::move(event));
  }
  Event over = std::move(events_.back());
  events_.pop_back();
  SY_TRY(check_cuda(cudaEventRecord(over.get(), stream_->get()), "recording an event"));
  groups_.push_back({launched_, std::move(over)});
  return {};
}

Result<void> Lane::collect() {
  while (!groups_.empty()) {
    SY_ASSIGN(const bool over, happened(groups_.front().over));
    if (!over) break;
    completed_ = groups_.front().last;
    events_.push_back(std::move(groups_.front().over));
    groups_.erase(groups_.begin());
  }
  return {};
}

}  // namespace switchyard::comm::nccl

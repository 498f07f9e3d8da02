#include "comm/mpi/mpi_transport.h"

#include <sched.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "comm/mpi/mpi_error.h"
#include "comm/send_rules.h"
#include "runtime/base/check.h"

namespace switchyard::comm::mpi {
namespace {

constexpr int kTag = 0;  // the communicator says which channel it is

// The name of each rank's host. Collective: yes.
Result<std::vector<std::string>> gather_hosts(const Comm& world) {
  using Name = std::array<char, MPI_MAX_PROCESSOR_NAME>;
  Name own{};
  int length = 0;
  SY_TRY(check(MPI_Get_processor_name(own.data(), &length), "MPI_Get_processor_name"));
  std::vector<Name> all(world.size());
  constexpr int kNameBytes = static_cast<int>(sizeof(Name));
  SY_TRY(check(MPI_Allgather(own.data(), kNameBytes, MPI_CHAR, all.data(), kNameBytes, MPI_CHAR,
                             world.get()),
               "MPI_Allgather"));
  std::vector<std::string> hosts;
  for (const Name& name : all) {
    hosts.emplace_back(name.data(), ::strnlen(name.data(), name.size()));
  }
  return hosts;
}

int as_rank(RankId rank) { return static_cast<int>(rank.value()); }

}  // namespace

MpiTransport::MpiTransport(MpiEnv env, const TransportLimits& limits, HostGroup group)
    : env_(env),
      limits_(limits),
      group_(std::move(group)),
      idle_(group_.idle_wait()),
      tickets_(limits.sends_in_flight_max),
      sends_(limits.sends_in_flight_max) {}

Result<std::unique_ptr<MpiTransport>> MpiTransport::create(MpiEnv env,
                                                           const TransportLimits& limits) {
  constexpr std::size_t kCountMax = std::numeric_limits<int>::max();  // of one MPI message
  if (limits.message_bytes_max > kCountMax) {
    return fail(ErrorCode::kLimit, "message_bytes_max is {}; MPI carries {} at most",
                limits.message_bytes_max, kCountMax);
  }
  SY_ASSIGN(Comm goodbyes, Comm::duplicate(MPI_COMM_WORLD));
  SY_ASSIGN(HostGroup group, HostGroup::form(goodbyes));
  std::unique_ptr<MpiTransport> transport(new MpiTransport(env, limits, std::move(group)));
  transport->rank_ = RankId(static_cast<std::uint32_t>(goodbyes.rank()));
  SY_ASSIGN(transport->hosts_, gather_hosts(goodbyes));
  for (Comm& channel : transport->channels_) {
    SY_ASSIGN(channel, Comm::duplicate(goodbyes.get()));
  }
  transport->goodbyes_ = goodbyes;
  transport->lost_ = std::vector<std::atomic<bool>>(transport->hosts_.size());
  return transport;
}

Result<SendTicket> MpiTransport::send(RankId to, Channel channel, Bytes bytes) {
  SY_TRY(check_send({.to = to, .bytes = bytes.size(), .world_size = size()}, limits_));
  const auto ticket = tickets_.take();
  if (!ticket) return too_many_sends(to, limits_);
  PendingSend& pending = sends_[ticket->slot];
  pending.to = to;
  const MPI_Comm comm = channels_[static_cast<std::size_t>(channel)].get();
  if (auto sent = check(MPI_Isend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE,
                                  as_rank(to), kTag, comm, &pending.request),
                        "MPI_Isend", to);
      !sent) {
    tickets_.give_back(*ticket);
    return Unexpected(std::move(sent).error());
  }
  group_.ring(to);
  return *ticket;
}

Result<bool> MpiTransport::send_done(SendTicket ticket) {
  tickets_.check(ticket);
  PendingSend& pending = sends_[ticket.slot];
  int done = 0;
  const auto tested =
      check(MPI_Test(&pending.request, &done, MPI_STATUS_IGNORE), "MPI_Test", pending.to);
  if (tested && done == 0) return false;
  tickets_.give_back(ticket);
  SY_TRY(tested);
  return true;
}

Result<std::optional<Arrival>> MpiTransport::probe(Channel channel) {
  auto& probed = probed_[static_cast<std::size_t>(channel)];
  if (probed) return probed->arrival;
  int found = 0;
  Probed next;
  MPI_Status status;
  SY_TRY(check(MPI_Improbe(MPI_ANY_SOURCE, kTag, channels_[static_cast<std::size_t>(channel)].get(),
                           &found, &next.message, &status),
               "MPI_Improbe"));
  if (found == 0) return std::nullopt;
  const RankId from(static_cast<std::uint32_t>(status.MPI_SOURCE));
  int bytes = 0;
  SY_TRY(check(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count", from));
  next.arrival = Arrival{from, channel, static_cast<std::size_t>(bytes)};
  probed = next;
  return next.arrival;
}

Result<void> MpiTransport::receive(const Arrival& arrival, MutableBytes into) {
  auto& probed = probed_[static_cast<std::size_t>(arrival.channel)];
  SY_CHECK(probed && probed->arrival.from == arrival.from && probed->arrival.bytes == arrival.bytes,
           "receive from rank {} on {} without its probe", arrival.from.value(),
           to_string(arrival.channel));
  SY_CHECK(into.size() == arrival.bytes, "room for {} of {} bytes", into.size(), arrival.bytes);
  MPI_Message message = probed->message;
  probed.reset();
  MPI_Request request = MPI_REQUEST_NULL;
  SY_TRY(check(MPI_Imrecv(into.data(), static_cast<int>(into.size()), MPI_BYTE, &message, &request),
               "MPI_Imrecv", arrival.from));
  if (auto copied = wait_for_copy(request, arrival.from); !copied) {
    if (request != MPI_REQUEST_NULL) given_up_.push_back({request, into.data()});
    return copied;
  }
  group_.ring(arrival.from);  // a sender that sleeps until its bytes are free
  return {};
}

// MPI can't cancel a receive that it has matched, so its end is all that sets the memory free. An
// error is no proof of that: Open MPI keeps the request then.
bool MpiTransport::receive_over(const std::byte* into) {
  const auto found = std::ranges::find(given_up_, into, &GivenUp::into);
  if (found == given_up_.end()) return true;
  int done = 0;
  (void)MPI_Test(&found->request, &done, MPI_STATUS_IGNORE);
  if (found->request != MPI_REQUEST_NULL) return false;
  given_up_.erase(found);
  return true;
}

// Shared memory with single copy is done at the first test. Else the sender feeds us piece by
// piece: it must be awake and, where cores are shared, it must get ours.
Result<void> MpiTransport::wait_for_copy(MPI_Request& request, RankId from) {
  constexpr std::uint32_t kTestsBeforeYield = 16;
  const SteadyClock clock;
  std::optional<Deadline> deadline;
  std::optional<Deadline> lost_deadline;
  for (std::uint32_t tests = 0;; ++tests) {
    int done = 0;
    SY_TRY(check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test", from));
    if (done != 0) return {};
    if (tests % kTestsBeforeYield != 0) continue;
    if (!deadline) deadline = Deadline::after(clock, limits_.receive_wait_max);
    if (deadline->passed(clock)) break;
    const bool lost = lost_[from.index()].load(std::memory_order_relaxed);
    if (lost && !lost_deadline) lost_deadline = Deadline::after(clock, limits_.lost_wait_max);
    if (lost && lost_deadline->passed(clock)) {
      return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                  "receive from rank {}: it was lost in the middle of a message", from.value());
    }
    group_.ring(from);
    ::sched_yield();
  }
  return fail(ErrorCode::kPeer, ErrorScope::kPeer,
              "receive from rank {}: it stopped in the middle of a message", from.value());
}

void MpiTransport::wait_a_moment(std::uint32_t idle_rounds) {
  idle_.wait(group_.own(), idle_rounds);
}

Result<void> MpiTransport::finalize(Deadline deadline) {
  SY_TRY(say_goodbye(deadline));
  return env_.finalize();
}

// Everyone to everyone, an empty message each, so that every rank knows by itself who is silent; a
// collective would wait without end and name nobody. Once a run, so its square of messages is fine.
Result<void> MpiTransport::say_goodbye(Deadline deadline) {
  std::vector<MPI_Request> sends(size(), MPI_REQUEST_NULL);
  for (std::uint32_t r = 0; r < size(); ++r) {
    SY_TRY(check(
        MPI_Isend(nullptr, 0, MPI_BYTE, static_cast<int>(r), kTag, goodbyes_.get(), &sends[r]),
        "MPI_Isend", RankId(r)));
    group_.ring(RankId(r));
  }
  std::vector<MPI_Request> receives(size(), MPI_REQUEST_NULL);
  for (std::uint32_t r = 0; r < size(); ++r) {
    SY_TRY(check(
        MPI_Irecv(nullptr, 0, MPI_BYTE, static_cast<int>(r), kTag, goodbyes_.get(), &receives[r]),
        "MPI_Irecv", RankId(r)));
  }
  const SteadyClock clock;
  std::vector<RankId> silent;
  for (std::uint32_t round = 0;; ++round) {
    silent.clear();
    for (std::uint32_t r = 0; r < size(); ++r) {
      int heard = 0;
      int sent = 0;
      SY_TRY(check(MPI_Test(&receives[r], &heard, MPI_STATUS_IGNORE), "MPI_Test", RankId(r)));
      SY_TRY(check(MPI_Test(&sends[r], &sent, MPI_STATUS_IGNORE), "MPI_Test", RankId(r)));
      if (heard == 0 || sent == 0) silent.emplace_back(r);
    }
    if (silent.empty()) return {};
    if (deadline.passed(clock)) break;
    wait_a_moment(round);
  }
  return fail(ErrorCode::kDeadline, ErrorScope::kCommunicator,
              "leaving the world: no goodbye from {}", name_ranks(silent));
}

}  // namespace switchyard::comm::mpi

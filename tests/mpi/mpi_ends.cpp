// How a world of processes ends, by argument; ctest checks the exit code of mpirun.
//   abort      the last rank aborts with 7 while the others wait
//   silent     the last rank never says goodbye; the others' finalize must name it, then end with 9
//   given_up   rank 1 gives up a receive half-way and is told when it is over; all leave in order
//   ping_pong  ranks 0 and 1 measure round trips, with ours and with bare MPI; all leave in order
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "comm/ping_pong.h"
#include "comm/worlds.h"

namespace switchyard::comm {
namespace {

// Waits as a rank does, until `deadline`; a message ends it too.
void wait_idle(Transport& transport, Deadline deadline) {
  const SteadyClock clock;
  for (std::uint32_t round = 0; !deadline.passed(clock); ++round) {
    const auto arrival = transport.probe(Channel::kControl);
    if (!arrival || arrival->has_value()) return;
    transport.wait_a_moment(round);
  }
}

[[noreturn]] void abort_from_last_rank(Transport& transport, Deadline deadline) {
  if (transport.rank().index() + 1 == transport.size()) abort_mpi_world(7);
  wait_idle(transport, deadline);
  abort_mpi_world(1);  // nobody ended us
}

[[noreturn]] void expect_silent_rank(Transport& transport, Deadline deadline) {
  const std::size_t last = transport.size() - 1;
  if (transport.rank().index() == last) {
    wait_idle(transport, deadline);
    abort_mpi_world(1);
  }
  const SteadyClock clock;
  const auto left = transport.finalize(Deadline::after(clock, std::chrono::milliseconds(300)));
  const bool as_expected = !left && left.error().code == ErrorCode::kDeadline &&
                           left.error().message.ends_with("rank " + std::to_string(last));
  std::printf("rank %u: %s\n", transport.rank().value(),
              left ? "no error" : left.error().message.c_str());
  if (!as_expected) abort_mpi_world(1);
  // Rank 0 ends the job a little later than the others have looked, so that each has its say.
  if (transport.rank().value() != 0) wait_idle(transport, deadline);
  abort_mpi_world(9);
}

Result<void> play_ping_pong(Transport& transport, Deadline deadline) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{4096}, std::size_t{1} << 20U}) {
    if (transport.rank().value() > 1) break;
    const PingPongOptions options{.bytes = bytes, .iterations = 50};
    SY_ASSIGN(const PingPong ours, ping_pong(transport, options, deadline));
    SY_ASSIGN(const PingPong bare, mpi_bare_ping_pong(options));
    if (transport.rank().value() != 0) continue;
    std::printf("%zu bytes: %.1f us there and back, bare MPI %.1f us\n", bytes,
                ours.round_trip_us_p50, bare.round_trip_us_p50);
    if (ours.round_trip_us_min <= 0 || bare.round_trip_us_min <= 0) {
      return fail(ErrorCode::kInternal, "a round trip took no time");
    }
  }
  return transport.finalize(deadline);
}

bool done(const Result<void>& outcome) {
  if (!outcome) std::fprintf(stderr, "%s\n", outcome.error().message.c_str());
  return outcome.has_value();
}

constexpr std::size_t kLargeBytes = std::size_t{64} << 20U;  // no transport has it in one piece

std::byte large_byte(std::size_t at) { return static_cast<std::byte>(at * 7 + at / 4096); }

// Takes a message without patience, and if that fails waits until MPI has let go of the memory.
Result<void> receive_hastily(Transport& transport, Deadline deadline) {
  const SteadyClock clock;
  std::optional<Arrival> arrival;
  for (std::uint32_t round = 0; !arrival; ++round) {
    SY_ASSIGN(arrival, transport.probe(Channel::kDispatch));
    if (arrival) break;
    if (deadline.passed(clock)) return fail(ErrorCode::kDeadline, "nothing has come");
    transport.wait_a_moment(round);
  }
  std::vector<std::byte> into(arrival->bytes);
  const auto received = transport.receive(*arrival, into);
  if (!received && received.error().code != ErrorCode::kPeer) return received;
  std::printf("received at once: %s\n", received ? "yes" : "no");
  while (!transport.receive_over(into.data())) {
    if (deadline.passed(clock)) return fail(ErrorCode::kDeadline, "the receive is never over");
  }
  // Nothing came after the word that it was over.
  for (std::size_t i = 0; i < into.size(); ++i) {
    if (into[i] != large_byte(i)) return fail(ErrorCode::kInternal, "byte {} is wrong", i);
  }
  return {};
}

Result<void> give_up_half_way(Transport& transport, Deadline deadline) {
  if (transport.rank().value() == 1) SY_TRY(receive_hastily(transport, deadline));
  if (transport.rank().value() == 0) {
    std::vector<std::byte> large(kLargeBytes);
    for (std::size_t i = 0; i < large.size(); ++i) large[i] = large_byte(i);
    SY_ASSIGN(const auto ticket, transport.send(RankId(1), Channel::kDispatch, large));
    const SteadyClock clock;
    for (bool sent = false; !sent;) {
      SY_ASSIGN(sent, transport.send_done(ticket));
      if (deadline.passed(clock)) return fail(ErrorCode::kDeadline, "it is never sent");
    }
  }
  return transport.finalize(deadline);
}

int run(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  TransportLimits limits;
  if (what == "given_up") limits.receive_wait_max = Duration::zero();
  auto transport = join_mpi_world(&argc, &argv, limits);
  if (!transport) {
    std::fprintf(stderr, "%s\n", transport.error().message.c_str());
    abort_mpi_world(1);
  }
  const SteadyClock clock;
  const Deadline deadline = Deadline::after(clock, std::chrono::seconds(30));
  if (what == "abort") abort_from_last_rank(**transport, deadline);
  if (what == "silent") expect_silent_rank(**transport, deadline);
  if (what == "given_up" && done(give_up_half_way(**transport, deadline))) return 0;
  if (what == "ping_pong" && done(play_ping_pong(**transport, deadline))) return 0;
  abort_mpi_world(1);
}

}  // namespace
}  // namespace switchyard::comm

int main(int argc, char** argv) { return switchyard::comm::run(argc, argv); }

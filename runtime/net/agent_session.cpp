#include "runtime/net/agent_session.h"

#include <utility>

#include "runtime/net/authenticate.h"
#include "runtime/net/frame_io.h"

namespace switchyard::net {
namespace {

// How the reader and the writer of one connection know of each other.
struct Connection {
  explicit Connection(std::shared_ptr<DeadlineSocket> owned, const asio::any_io_executor& executor)
      : socket(std::move(owned)), writer_done(executor) {}
  std::shared_ptr<DeadlineSocket> socket;
  Wakeup writer_done;
  bool writing = true;
  Result<void> written;
};

control::Register registration(const AgentLife& life) {
  control::Register message = life.options.facts;
  auto standing = life.mailbox.standing();
  message.incarnation = life.incarnation;
  message.epoch = standing.epoch;
  message.held = std::move(standing.held);
  return message;
}

// A result too large for a frame would end every connection that tries to send it.
void fit(control::Message& message) {
  auto* finished = std::get_if<control::Finished>(&message);
  if (finished == nullptr || finished->payload.size() < control::kFrameBodyBytesMax / 2) return;
  finished->error = fmt::format("the result of {} bytes is above the limit of {}",
                                finished->payload.size(), control::kFrameBodyBytesMax / 2);
  finished->payload.clear();
}

// Longer than a dead connection can go unnoticed.
constexpr std::chrono::seconds kMemory{20};

void remember(AgentLife& life, control::Message message) {
  const SteadyClock clock;
  const TimePoint now = clock.now();
  while (!life.recent.empty() && life.recent.front().at + kMemory < now) life.recent.pop_front();
  const bool counts = std::holds_alternative<control::Finished>(message) ||
                      std::holds_alternative<control::Prepared>(message) ||
                      std::holds_alternative<control::Adopted>(message) ||
                      std::holds_alternative<control::Goodbye>(message);
  if (counts) life.recent.push_back({now, std::move(message)});
}

// What may have been lost with the last connection, then what was not sent on it, in their order.
void plan_again(AgentLife& life) {
  if (life.unsent) life.again.push_front(*std::move(life.unsent));
  life.unsent.reset();
  while (!life.recent.empty()) {
    life.again.push_front(std::move(life.recent.back().message));
    life.recent.pop_back();
  }
}

// Says that the rank lives, where it is time to.
Task<Result<void>> beat_if_due(AgentLife& life, std::shared_ptr<DeadlineSocket> socket,
                               TimePoint& beat_at) {
  const SteadyClock clock;
  if (clock.now() < beat_at) co_return Result<void>();
  const control::Message beat = life.pulse.heartbeat(clock.now());
  SY_CO_TRY(co_await write_message(socket, beat, life.options.frame_limit));
  beat_at = clock.now() + life.options.heartbeat_interval;
  co_return Result<void>();
}

// Everything posted, with heartbeats in between: an engine may post faster than it can be written.
// A message counts as sent once its write has ended.
Task<Result<void>> write_posted(AgentLife& life, std::shared_ptr<DeadlineSocket> socket,
                                TimePoint& beat_at) {
  for (;;) {
    SY_CO_TRY(co_await beat_if_due(life, socket, beat_at));
    take_next(life);
    if (!life.unsent) co_return Result<void>();
    fit(*life.unsent);
    const auto written = co_await write_message(socket, *life.unsent, life.options.frame_limit);
    // A message that no frame can hold is given up; everything else is sent on the next connection.
    if (!written && written.error().code != ErrorCode::kLimit) co_return written;
    remember(life, *std::move(life.unsent));
    life.unsent.reset();
  }
}

Task<Result<void>> write_while_open(AgentLife& life, std::shared_ptr<DeadlineSocket> socket) {
  const SteadyClock clock;
  TimePoint beat_at = clock.now();
  while (socket->is_open()) {
    SY_CO_TRY(co_await write_posted(life, socket, beat_at));
    if (life.stopping) break;
    co_await life.wakeup.wait(beat_at);
  }
  co_return Result<void>();
}

Task<void> run_writer(AgentLife& life, std::shared_ptr<Connection> connection) {
  connection->written = co_await write_while_open(life, connection->socket);
  if (connection->written && life.stopping) {
    // The reader goes on until the controller has seen the end: closing with unread bytes would
    // reset the connection and could take the last words with it.
    connection->socket->shutdown_write();
  } else {
    connection->socket->close();
  }
  connection->writing = false;
  connection->writer_done.notify();
}

// What the controller answers to a registration. That it lives is no answer: an agent whose seat is
// given already must not leave it for that.
Task<Result<control::Message>> read_answer(std::shared_ptr<DeadlineSocket> socket, Duration limit) {
  for (;;) {
    SY_CO_ASSIGN(control::Message message,
                 co_await read_message(socket, control::Speaker::kController, limit));
    if (!std::holds_alternative<control::Alive>(message)) co_return std::move(message);
  }
}

// Nobody will have this rank here: the engine hears why, and it is not tried again.
Unexpected give_up(AgentLife& life, const std::string& reason) {
  life.refused = true;
  life.mailbox.deliver(control::Refused{reason});
  return fail(ErrorCode::kPeer, ErrorScope::kProcess, "the controller refused this rank: {}",
              reason);
}

Task<Result<void>> register_here(AgentLife& life, std::shared_ptr<DeadlineSocket> socket) {
  const control::Message message = registration(life);
  SY_CO_TRY(co_await write_message(socket, message, life.options.frame_limit));
  const DeadlineSocket::Guard guard(socket, life.options.welcome_limit);
  SY_CO_ASSIGN(control::Message answer, co_await read_answer(socket, life.options.frame_limit));
  if (const auto* refused = std::get_if<control::Refused>(&answer)) {
    co_return give_up(life, refused->reason);
  }
  const auto* welcome = std::get_if<control::Welcome>(&answer);
  if (welcome == nullptr) {
    co_return fail(ErrorCode::kPeer, ErrorScope::kPeer, "expected a welcome, got {}",
                   control::name_of(answer));
  }
  const std::uint32_t world = life.options.world_ranks;
  if (world != 0 && welcome->ranks != world) {
    co_return give_up(life,
                      fmt::format("its world has {} ranks (mpirun -n), the controller keeps a "
                                  "cluster of {} (--ranks)",
                                  world, welcome->ranks));
  }
  life.incarnation = welcome->incarnation;
  life.welcomed = true;
  life.mailbox.deliver(std::move(answer));
  co_return Result<void>();
}

Task<Result<void>> read_while_open(AgentLife& life, std::shared_ptr<DeadlineSocket> socket) {
  for (;;) {
    SY_CO_ASSIGN(const bool said, co_await socket->wait_readable(life.options.silence_limit));
    if (!said) {
      co_return fail(ErrorCode::kDeadline, ErrorScope::kPeer, "it has said nothing for {:.1f} s",
                     to_seconds(life.options.silence_limit));
    }
    SY_CO_ASSIGN(
        control::Message message,
        co_await read_message(socket, control::Speaker::kController, life.options.frame_limit));
    if (std::holds_alternative<control::Alive>(message)) continue;
    if (std::holds_alternative<control::Refused>(message)) life.refused = true;
    life.mailbox.deliver(std::move(message));
    if (life.refused) {
      co_return fail(ErrorCode::kPeer, ErrorScope::kProcess, "the controller refused this rank");
    }
  }
}

}  // namespace

void take_next(AgentLife& life) {
  if (life.unsent) return;
  if (life.again.empty()) {
    life.unsent = life.mailbox.next_to_send();
  } else {
    life.unsent = std::move(life.again.front());
    life.again.pop_front();
  }
}

Task<Result<void>> run_session(AgentLife& life) {
  const auto executor = co_await asio::this_coro::executor;
  const auto socket = std::make_shared<DeadlineSocket>(Tcp::socket(executor));
  life.socket = socket;
  life.welcomed = false;
  SY_CO_TRY(co_await socket->connect(life.options.controller, life.options.connect_limit));
  if (life.options.tls != nullptr) {
    SY_CO_TRY(co_await socket->secure_as_caller(life.options.tls, life.options.controller.host,
                                                life.options.welcome_limit));
  }
  SY_CO_TRY(co_await introduce(socket, life.options.secret, control::Speaker::kAgent,
                               life.options.welcome_limit));
  SY_CO_TRY(co_await register_here(life, socket));
  plan_again(life);
  life.connected = true;
  const auto connection = std::make_shared<Connection>(socket, executor);
  life.tasks.start(run_writer(life, connection));
  auto ended = co_await read_while_open(life, socket);
  life.connected = false;
  socket->close();
  life.wakeup.notify();
  while (connection->writing) {
    co_await connection->writer_done.wait(TimePoint::max());
  }
  if (!connection->written) co_return connection->written;
  co_return ended;
}

}  // namespace switchyard::net

#include "runtime/net/client.h"

#include <deque>
#include <utility>

#include "runtime/net/authenticate.h"
#include "runtime/net/frame_io.h"
#include "runtime/net/task_group.h"

namespace switchyard::net {
namespace {

// A message that has begun comes whole within this, however short the wait for one was.
constexpr Duration kFrameLimit = std::chrono::seconds(10);

}  // namespace

struct Client::State {
  State() : socket(std::make_shared<DeadlineSocket>(Tcp::socket(io))) {}

  // Runs the task to its end; each of its operations has a limit.
  void run(Task<void> task) {
    TaskGroup tasks(io);
    tasks.start(std::move(task));
    io.restart();
    io.run();
  }

  asio::io_context io{1};
  std::shared_ptr<DeadlineSocket> socket;
  std::deque<control::Message> kept;
};

namespace {

Task<Result<void>> meet(std::shared_ptr<DeadlineSocket> socket, Endpoint to, const Secret& secret,
                        std::shared_ptr<TlsIdentity> tls, Duration limit) {
  SY_CO_TRY(co_await socket->connect(to, limit));
  if (tls != nullptr) SY_CO_TRY(co_await socket->secure_as_caller(tls, to.host, limit));
  SY_CO_TRY(co_await introduce(socket, secret, control::Speaker::kClient, limit));
  co_return Result<void>();
}

Task<void> meet_into(Result<void>& outcome, std::shared_ptr<DeadlineSocket> socket, Endpoint to,
                     const Secret& secret, std::shared_ptr<TlsIdentity> tls, Duration limit) {
  outcome = co_await meet(std::move(socket), std::move(to), secret, std::move(tls), limit);
}

Task<void> write_into(Result<void>& outcome, std::shared_ptr<DeadlineSocket> socket,
                      const control::Message& message, Duration limit) {
  outcome = co_await write_message(std::move(socket), message, limit);
}

using Received = Result<std::optional<control::Message>>;

Task<Received> read_one(std::shared_ptr<DeadlineSocket> socket, Duration wait) {
  SY_CO_ASSIGN(const bool something, co_await socket->wait_readable(wait));
  if (!something) co_return std::optional<control::Message>();
  SY_CO_ASSIGN(control::Message message,
               co_await read_message(socket, control::Speaker::kController, kFrameLimit));
  co_return std::optional<control::Message>(std::move(message));
}

Task<void> read_into(Received& outcome, std::shared_ptr<DeadlineSocket> socket, Duration wait) {
  outcome = co_await read_one(std::move(socket), wait);
}

}  // namespace

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::connect(const Endpoint& controller, const Secret& secret, Duration limit,
                               std::shared_ptr<TlsIdentity> tls) {
  auto state = std::make_unique<State>();
  Result<void> outcome;
  state->run(meet_into(outcome, state->socket, controller, secret, std::move(tls), limit));
  if (!outcome) {
    return with_place(std::move(outcome).error(),
                      fmt::format("controller {}", to_string(controller)));
  }
  return Client(std::move(state));
}

Result<void> Client::send(const control::Message& message, Duration limit) {
  Result<void> outcome;
  state_->run(write_into(outcome, state_->socket, message, limit));
  return outcome;
}

Result<std::optional<control::Message>> Client::receive(Duration wait) {
  if (!state_->kept.empty()) {
    std::optional<control::Message> message = std::move(state_->kept.front());
    state_->kept.pop_front();
    return message;
  }
  Received outcome;
  state_->run(read_into(outcome, state_->socket, wait));
  return outcome;
}

Result<control::Answer> Client::ask(const control::Message& wish, Duration limit) {
  const SteadyClock clock;
  const auto deadline = Deadline::after(clock, limit);
  SY_TRY(send(wish, limit));
  while (!deadline.passed(clock)) {
    Received received;
    state_->run(read_into(received, state_->socket, deadline.left(clock)));
    SY_ASSIGN(auto message, std::move(received));
    if (!message) continue;
    if (auto* answer = std::get_if<control::Answer>(&*message)) return std::move(*answer);
    state_->kept.push_back(*std::move(message));
  }
  return fail(ErrorCode::kDeadline, ErrorScope::kPeer,
              "the controller did not answer within {:.1f} s", to_seconds(limit));
}

}  // namespace switchyard::net

#include "runtime/net/agent.h"

#include <boost/asio/post.hpp>
#include <thread>
#include <utility>

#include "runtime/net/agent_session.h"

namespace switchyard::net {

struct Agent::State {
  State(AgentOptions given, control::Mailbox& box, const Pulse& beat, control::Backoff waits,
        control::RetryBudget budget, Log logger)
      : life(std::move(given), box, beat, io),
        backoff(std::move(waits)),
        retries(std::move(budget)),
        log(std::move(logger)),
        patience(io) {}

  Task<void> run();
  // Nothing is left to do: told to leave and everything has left, or not wanted.
  [[nodiscard]] bool done() {
    if (life.stopping) take_next(life);
    return life.cut || life.refused || (life.stopping && !life.unsent);
  }
  void begin_stop(Duration patience_left);

  asio::io_context io{1};
  AgentLife life;
  control::Backoff backoff;
  control::RetryBudget retries;
  Log log;
  asio::steady_timer patience;
  std::atomic<bool> woken{false};  // a wake-up is on its way to the agent's thread
  std::thread thread;
};

Task<void> Agent::State::run() {
  const SteadyClock clock;
  bool missing = false;
  while (!done()) {
    const auto ended = co_await run_session(life);
    if (life.welcomed) {
      backoff.reset();
      retries.request(clock.now());
    }
    life.socket->close();
    life.socket = nullptr;
    if (done()) break;
    // The budget pays for the attempt when the wait is over; until it can, the wait is longer.
    Duration wait = backoff.next();
    if (!retries.try_retry(clock.now() + wait)) {
      wait += retries.until_retry(clock.now() + wait);
      (void)retries.try_retry(clock.now() + wait);
    }
    // One line for one absence, however many attempts it takes.
    if (life.welcomed || !missing) {
      log_event(log, spdlog::level::warn, "controller_lost",
                fmt::format("controller {}: {}; trying again until it is back",
                            to_string(life.options.controller), ended.error().message));
    }
    missing = true;
    const TimePoint until = clock.now() + wait;
    while (clock.now() < until && !done()) co_await life.wakeup.wait(until);
  }
  patience.cancel();
}

void Agent::State::begin_stop(Duration patience_left) {
  life.stopping = true;
  patience.expires_after(patience_left);
  patience.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    life.cut = true;
    if (life.socket != nullptr) life.socket->close();
    life.wakeup.notify();
  });
  life.wakeup.notify();
}

Agent::Agent(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Agent>> Agent::start(AgentOptions options, control::Mailbox& mailbox,
                                            const Pulse& pulse, Log log) {
  SY_ASSIGN(auto backoff, control::Backoff::create(options.backoff, options.seed));
  SY_ASSIGN(auto retries, control::RetryBudget::create(options.retries, SteadyClock().now()));
  auto state = std::make_shared<State>(std::move(options), mailbox, pulse, std::move(backoff),
                                       std::move(retries), std::move(log));
  // Posts of the engine: the first wakes the agent, those until it has woken cost one flag.
  mailbox.on_post([state] {
    if (state->woken.exchange(true)) return;
    asio::post(state->io, [state = state.get()] {
      state->woken = false;
      state->life.wakeup.notify();
    });
  });
  state->life.tasks.start(state->run());
  state->thread = std::thread([state = state.get()] { state->io.run(); });
  return std::unique_ptr<Agent>(new Agent(std::move(state)));
}

Agent::~Agent() { stop(Duration::zero()); }

void Agent::stop(Duration patience) {
  if (!state_->thread.joinable()) return;
  state_->life.mailbox.on_post(nullptr);
  asio::post(state_->io, [state = state_.get(), patience] { state->begin_stop(patience); });
  state_->thread.join();
  state_->life.connected = false;
}

bool Agent::connected() const noexcept { return state_->life.connected; }

}  // namespace switchyard::net

#include "runtime/net/controller_server.h"

#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <deque>
#include <set>
#include <utility>

#include "runtime/base/stop_presses.h"
#include "runtime/net/admin_http.h"
#include "runtime/net/authenticate.h"
#include "runtime/net/controller_loop.h"
#include "runtime/net/frame_io.h"
#include "runtime/net/listener.h"
#include "runtime/net/task_group.h"

namespace switchyard::net {

namespace {

constexpr std::chrono::seconds kAlertLimit{1};

std::optional<JournalKeeper> keeper_of(std::optional<JournalFile> journal,
                                       const JournalLimits& limits) {
  if (!journal) return std::nullopt;
  return JournalKeeper(*std::move(journal), limits);
}

AdminLimits admin_limits(Duration limit) {
  AdminLimits limits;
  limits.head_limit = limit;
  limits.body_limit = limit;
  limits.write_limit = limit;
  return limits;
}

}  // namespace

struct ControllerServer::State {
  State(ServerOptions given, Brain brain, std::optional<JournalFile> journal, Log logger)
      : options(std::move(given)),
        log(std::move(logger)),
        loop(std::move(brain), keeper_of(std::move(journal), options.journal), log, metrics,
             options.spawn),
        tasks(io),
        admin(io, tasks, loop, metrics, log, admin_limits(options.admin_limit), options.admin_token,
              options.tls),
        acceptor(io),
        tick(io),
        patience(io),
        signals(io) {}

  Task<void> accept();
  Task<void> serve(Tcp::socket raw);
  Task<Result<control::Speaker>> identify(std::shared_ptr<DeadlineSocket> socket);
  void watch_certificates();
  Task<void> converse(std::shared_ptr<DeadlineSocket> socket, control::Speaker who,
                      std::string address);
  Task<Error> read_until_end(std::shared_ptr<Peer> peer, control::Speaker who);
  Task<void> tick_until_stop();
  void watch_signals();
  void begin_stop();
  void cut_all();

  asio::io_context io{1};
  ServerOptions options;
  EventLog log;
  ServerMetrics metrics;
  ControllerLoop loop;
  TaskGroup tasks;
  AdminHttp admin;
  Tcp::acceptor acceptor;
  asio::steady_timer tick;
  asio::steady_timer patience;
  asio::signal_set signals;
  StopPresses presses;
  std::set<std::shared_ptr<DeadlineSocket>> open;  // those that have not proved themselves included
  std::deque<std::shared_ptr<DeadlineSocket>> strangers;  // have not proved themselves, in order
  std::string tls_trouble;                                // said already
  bool stopping = false;
};

Task<void> ControllerServer::State::accept() {
  while (acceptor.is_open()) {
    auto [error, socket] = co_await acceptor.async_accept(kOutcome);
    if (!acceptor.is_open()) break;
    if (error) {
      // Out of descriptors or memory, most likely: what is open goes on, newcomers wait.
      log.warning("accept_failed", error.message());
      asio::steady_timer pause(io, std::chrono::milliseconds(100));
      co_await pause.async_wait(kOutcome);
    } else if (open.size() >= options.connections_max) {
      log.warning("connection_refused", "too many connections");
    } else {
      tasks.start(serve(std::move(socket)));
    }
  }
}

Task<void> ControllerServer::State::serve(Tcp::socket raw) {
  const auto socket = std::make_shared<DeadlineSocket>(std::move(raw));
  const std::string address = socket->peer();
  open.insert(socket);
  strangers.push_back(socket);
  // Whoever fills the house with silence keeps nobody out who has something to say.
  if (strangers.size() > options.strangers_max) strangers.front()->close();
  const auto who = co_await identify(socket);
  std::erase(strangers, socket);
  if (who && !stopping) {
    co_await converse(socket, *who, address);
  } else if (!who && !stopping) {
    metrics.refused().Increment();
    log.warning("peer_refused", fmt::format("{}: {}", address, who.error().message));
    // So that the alert which says what is wrong with its certificate reaches it.
    if (options.tls != nullptr) co_await socket->linger(kAlertLimit);
  }
  socket->close();
  open.erase(socket);
}

Task<Result<control::Speaker>> ControllerServer::State::identify(
    std::shared_ptr<DeadlineSocket> socket) {
  if (options.tls != nullptr) {
    constexpr auto kRequired = DeadlineSocket::CallerCertificate::kRequired;
    const auto secured =
        co_await socket->secure_as_listener(options.tls, kRequired, options.handshake_limit);
    watch_certificates();
    SY_CO_TRY(secured);
  }
  co_return co_await admit(socket, options.secret, options.handshake_limit);
}

// Says once what is wrong with new files.
void ControllerServer::State::watch_certificates() {
  metrics.certificate_expires().Set(static_cast<double>(options.tls->expires_unix_s()));
  if (options.tls->trouble() == tls_trouble) return;
  tls_trouble = options.tls->trouble();
  if (tls_trouble.empty()) {
    log.info("certificate_taken", "the new certificate is in use");
  } else {
    log.error("certificate_refused", fmt::format("the old one stays: {}", tls_trouble));
  }
}

Task<void> ControllerServer::State::converse(std::shared_ptr<DeadlineSocket> socket,
                                             control::Speaker who, std::string address) {
  const auto kind =
      who == control::Speaker::kAgent ? control::PeerKind::kAgent : control::PeerKind::kClient;
  const PeerLimits limits{options.queue_bytes_max, options.frame_limit};
  const auto peer = std::make_shared<Peer>(loop.next_id(), kind, socket, io.get_executor(), limits);
  tasks.start(Peer::write_loop(peer));
  loop.connected(peer);
  const Error ended = co_await read_until_end(peer, who);
  if (ended.code == ErrorCode::kBadInput) {
    metrics.malformed().Increment();
    log.warning("peer_malformed", fmt::format("{}: {}", address, ended.message));
  }
  peer->cut(ended.message);
  loop.disconnected(*peer, fmt::format("{}: {}", address, peer->end_reason()));
}

Task<Error> ControllerServer::State::read_until_end(std::shared_ptr<Peer> peer,
                                                    control::Speaker who) {
  for (;;) {
    auto message = co_await read_message(peer->socket(), who, options.frame_limit);
    if (!message) co_return std::move(message).error();
    // Once its end is decided, what it still says is not heard.
    if (!peer->ending()) loop.received(*peer, *std::move(message));
  }
}

Task<void> ControllerServer::State::tick_until_stop() {
  while (!stopping) {
    tick.expires_after(options.tick_interval);
    co_await tick.async_wait(kOutcome);
    if (!stopping) loop.tick();
  }
}

void ControllerServer::State::watch_signals() {
  signals.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    const auto press = presses.take(SteadyClock().now());
    press == StopPresses::Press::kSecond ? cut_all() : begin_stop();
    watch_signals();
  });
}

void ControllerServer::State::begin_stop() {
  if (stopping) return;
  stopping = true;
  loop.freeze();
  boost::system::error_code ignored;
  acceptor.close(ignored);
  tick.cancel();
  std::set<std::shared_ptr<DeadlineSocket>> greeting = open;
  for (const auto& [id, peer] : loop.peers()) {
    greeting.erase(peer->socket());
    peer->finish("the controller stops");
  }
  for (const auto& socket : greeting) socket->close();
  admin.stop();
  patience.expires_after(options.stop_patience);
  patience.async_wait([this](const boost::system::error_code& error) {
    if (!error) cut_all();
  });
}

void ControllerServer::State::cut_all() {
  for (const auto& socket : open) socket->close();
  for (const auto& [id, peer] : loop.peers()) peer->cut("the controller stops");
}

ControllerServer::ControllerServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
ControllerServer::~ControllerServer() = default;

Result<std::unique_ptr<ControllerServer>> ControllerServer::create(
    ServerOptions options, Brain brain, std::optional<JournalFile> journal, Log log) {
  if (options.secret.empty() && options.tls == nullptr && !is_loopback(options.listen.host)) {
    return fail(ErrorCode::kUsage, "listening on {} needs a secret or TLS: others can reach it",
                options.listen.host);
  }
  auto state = std::make_unique<State>(std::move(options), std::move(brain), std::move(journal),
                                       std::move(log));
  if (state->options.tls != nullptr) state->watch_certificates();
  SY_TRY(listen_on(state->acceptor, state->options.listen));
  if (state->options.admin) SY_TRY(state->admin.listen(*state->options.admin));
  return std::unique_ptr<ControllerServer>(new ControllerServer(std::move(state)));
}

Endpoint ControllerServer::listening() const { return local_endpoint(state_->acceptor); }

std::optional<Endpoint> ControllerServer::admin_listening() const {
  if (!state_->options.admin) return std::nullopt;
  return state_->admin.listening();
}

void ControllerServer::run() {
  State& state = *state_;
  state.loop.on_stop([&state] { state.begin_stop(); });
  state.tasks.on_idle([&state] {
    state.patience.cancel();
    state.signals.cancel();
  });
  if (state.options.signals == Signals::kStop) {
    state.signals.add(SIGINT);
    state.signals.add(SIGTERM);
    state.watch_signals();
  }
  state.tasks.start(state.accept());
  state.tasks.start(state.tick_until_stop());
  if (state.options.admin) state.admin.start();
  state.io.run();
}

void ControllerServer::stop() {
  asio::post(state_->io, [state = state_.get()] { state->begin_stop(); });
}

}  // namespace switchyard::net

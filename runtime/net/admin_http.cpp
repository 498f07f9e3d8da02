#include "runtime/net/admin_http.h"

#include <algorithm>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "runtime/net/admin_routes.h"
#include "runtime/net/guests.h"
#include "runtime/net/listener.h"

namespace switchyard::net {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::size_t kReadBytes = 4096;
// How a request begins whose body may be a plan.
constexpr std::string_view kPlanPost = "POST /v1/place";
constexpr std::size_t kLoggedBytes = 200;  // of a body

// What callers and ranks said may stand in it, and need not be UTF-8.
std::string json_text(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

struct Page {
  unsigned status = 200;
  std::string_view type = kJson;
  std::string body;
};

Page refusal_page(const HttpRefusal& refusal) {
  const nlohmann::json document = {
      {"error", {{"code", refusal.code}, {"message", refusal.reason}}}};
  return {refusal.status, kJson, json_text(document)};
}

Page answer_page(const control::Answer& answer) {
  const nlohmann::json document = {
      {"accepted", answer.accepted}, {"code", answer.code}, {"reason", answer.reason}};
  return {status_of(answer), kJson, json_text(document)};
}

// Ready while requests can be answered; one dead rank of many does not change that.
Page ready_page(const std::string& status_json) {
  const auto status = nlohmann::json::parse(status_json, nullptr, false);
  std::string phase = "unknown";
  static const nlohmann::json::json_pointer kPhase("/cluster/phase");
  if (status.contains(kPhase) && status[kPhase].is_string()) phase = status[kPhase];
  std::string reason = "the controller does not say";
  static const nlohmann::json::json_pointer kUnserved("/cluster/unserved");
  if (status.contains(kUnserved) && status[kUnserved].is_string()) reason = status[kUnserved];
  const bool ready = reason.empty();
  const nlohmann::json document = {{"ready", ready}, {"phase", phase}, {"reason", reason}};
  return {ready ? 200u : 503u, kJson, json_text(document)};
}

// Where the head in the buffer ends, or nothing yet.
std::optional<std::size_t> head_size(const beast::flat_buffer& buffer) {
  const std::string_view text(static_cast<const char*>(buffer.data().data()), buffer.size());
  const auto end = text.find(kHeadEnd);
  if (end == std::string_view::npos) return std::nullopt;
  return end + kHeadEnd.size();
}

}  // namespace

struct AdminHttp::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, TaskGroup& group, ControllerLoop& controller,
        ServerMetrics& counters, EventLog& events, const AdminLimits& most, Secret bearer,
        std::shared_ptr<TlsIdentity> identity)
      : io(context),
        tasks(group),
        loop(controller),
        metrics(counters),
        log(events),
        limits(most),
        token(std::move(bearer)),
        tls(std::move(identity)),
        acceptor(context) {}

  using Socket = std::shared_ptr<DeadlineSocket>;
  Task<void> accept();
  [[nodiscard]] bool make_room();
  Task<void> serve(Tcp::socket raw);
  Task<bool> secure(Socket socket);
  Task<Result<void>> converse(Socket socket);
  Task<HttpResult<RequestHead>> read_head(Socket socket, beast::flat_buffer& buffer);
  Task<HttpResult<std::string>> read_body(Socket socket, beast::flat_buffer& buffer,
                                          std::uint64_t bytes_max);
  [[nodiscard]] std::uint64_t body_limit(const AdminRoute& route) const {
    return route.body == BodyIs::kPlan ? limits.plan_bytes : limits.head.body_bytes;
  }
  Task<Page> answer(const RequestHead& head, std::string body, const AdminRoute& route);
  Task<Page> run_command(const AdminRoute& route, std::string body);
  Task<Result<void>> write(Socket socket, const Page& page, bool keep_alive);

  asio::io_context& io;
  TaskGroup& tasks;
  ControllerLoop& loop;
  ServerMetrics& metrics;
  EventLog& log;
  AdminLimits limits;
  Secret token;
  OpenPages open_pages = OpenPages::kHealth;
  std::shared_ptr<TlsIdentity> tls;  // null: plain HTTP
  Tcp::acceptor acceptor;
  Guests guests;
  std::set<std::shared_ptr<Wakeup>> waiting;  // for the controller's answer
  bool stopping = false;
};

Task<void> AdminHttp::State::accept() {
  const auto self = shared_from_this();
  while (!stopping) {
    auto [error, socket] = co_await acceptor.async_accept(kOutcome);
    if (stopping) break;
    if (error) {
      asio::steady_timer pause(io, std::chrono::milliseconds(100));
      co_await pause.async_wait(kOutcome);
    } else if (make_room()) {
      tasks.start(serve(std::move(socket)));
    }
  }
}

// Connections cost a stranger nothing: who only holds one gives way to who comes.
bool AdminHttp::State::make_room() {
  if (guests.size() < limits.connections_max) return true;
  const Socket first = guests.first_to_go();
  if (first == nullptr) return false;
  guests.leave(first);
  first->close();
  return true;
}

Task<void> AdminHttp::State::serve(Tcp::socket raw) {
  const auto self = shared_from_this();
  const auto socket = std::make_shared<DeadlineSocket>(std::move(raw));
  guests.enter(socket);
  if (co_await secure(socket)) (void)co_await converse(socket);
  // Not a reset: it could take the answer with it on its way.
  co_await socket->linger(std::chrono::seconds(1));
  guests.leave(socket);
}

// False where TLS is asked for and not spoken.
Task<bool> AdminHttp::State::secure(Socket socket) {
  if (tls == nullptr) co_return true;
  constexpr auto kNotAsked = DeadlineSocket::CallerCertificate::kNotAsked;
  const auto secured = co_await socket->secure_as_listener(tls, kNotAsked, limits.head_limit);
  co_return secured.has_value();
}

Task<Result<void>> AdminHttp::State::converse(Socket socket) {
  beast::flat_buffer buffer(limits.head.head_bytes + kReadBytes);
  for (std::size_t served = 1;; ++served) {
    if (buffer.size() == 0) {
      SY_CO_ASSIGN(const bool more, co_await socket->wait_readable(limits.idle_limit));
      if (!more) co_return Result<void>();
    }
    const auto head = co_await read_head(socket, buffer);
    if (!socket->is_open()) co_return Result<void>();
    Page page;
    bool keep_alive = false;
    std::string_view route_name = "refused";
    if (!head) {
      page = refusal_page(head.error());
    } else if (const auto route = find_route(*head, token, open_pages); !route) {
      page = refusal_page(route.error());
    } else {
      route_name = (*route)->path;
      const bool shown = !token.empty() && needs_token(**route, open_pages);
      guests.asks(socket, shown ? Guests::Asks::kWithToken : Guests::Asks::kOpenPage);
      auto body = co_await read_body(socket, buffer, body_limit(**route));
      if (!socket->is_open()) co_return Result<void>();
      keep_alive = body && head->keep_alive && served < limits.requests_max && !stopping;
      if (body) {
        page = co_await answer(*head, *std::move(body), **route);
      } else {
        page = refusal_page(body.error());
      }
    }
    metrics.http_requests(route_name, page.status).Increment();
    SY_CO_TRY(co_await write(socket, page, keep_alive));
    guests.asks(socket, Guests::Asks::kNothing);
    if (!keep_alive) co_return Result<void>();
  }
}

Task<HttpResult<RequestHead>> AdminHttp::State::read_head(Socket socket,
                                                          beast::flat_buffer& buffer) {
  // One limit for the whole of it: a byte now and then buys no time.
  const DeadlineSocket::Guard guard(socket, limits.head_limit);
  while (!head_size(buffer)) {
    if (buffer.size() > limits.head.head_bytes) {
      co_return refuse(431, "head_too_large",
                       fmt::format("the limit of a head is {} bytes", limits.head.head_bytes));
    }
    const std::size_t room = std::min(kReadBytes, buffer.max_size() - buffer.size());
    const auto space = buffer.prepare(room);
    const MutableBytes into(static_cast<std::byte*>(space.data()), space.size());
    const auto got = co_await socket->read_some(into);
    if (!got) {
      socket->close();
      co_return refuse(408, "timeout", "the request did not come");
    }
    buffer.commit(*got);
  }
  const std::string_view text(static_cast<const char*>(buffer.data().data()), *head_size(buffer));
  HeadLimits most = limits.head;
  if (text.starts_with(kPlanPost)) most.body_bytes = limits.plan_bytes;
  co_return check_request_head(text, most);
}

namespace {

// Refuses chunk extensions that are longer than any purpose.
struct ChunkHeaders {
  std::size_t extension_bytes_max = 0;
  void operator()(std::uint64_t, beast::string_view extension, beast::error_code& error) const {
    if (extension.size() > extension_bytes_max) error = http::error::bad_chunk_extension;
  }
};

}  // namespace

Task<HttpResult<std::string>> AdminHttp::State::read_body(Socket socket, beast::flat_buffer& buffer,
                                                          std::uint64_t bytes_max) {
  const DeadlineSocket::Guard guard(socket, limits.body_limit);
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.head.head_bytes));
  parser.body_limit(bytes_max);
  parser.eager(true);
  ChunkHeaders chunk_headers{limits.chunk_extension_bytes_max};
  parser.on_chunk_header(chunk_headers);
  beast::error_code error;
  std::size_t wire_bytes = 0;  // the parser counts what is in the chunks, not the chunks
  for (;;) {
    buffer.consume(parser.put(buffer.data(), error));
    if (parser.is_done() && !error) co_return std::move(parser.get().body());
    if (error && error != http::error::need_more) break;
    const std::size_t room = std::min(kReadBytes, buffer.max_size() - buffer.size());
    // A line that does not end; chunks that are mostly framing.
    if (room == 0 || wire_bytes > 2 * (limits.head.head_bytes + bytes_max)) break;
    const auto space = buffer.prepare(room);
    const MutableBytes into(static_cast<std::byte*>(space.data()), space.size());
    const auto got = co_await socket->read_some(into);
    if (!got) {
      socket->close();
      co_return refuse(408, "timeout", "the body did not come");
    }
    wire_bytes += *got;
    buffer.commit(*got);
  }
  if (error == http::error::body_limit) {
    co_return refuse(413, "too_large", fmt::format("the limit of a body is {} bytes", bytes_max));
  }
  co_return refuse(400, "bad_request", "the body is malformed");
}

Task<Page> AdminHttp::State::answer(const RequestHead& head, std::string body,
                                    const AdminRoute& route) {
  switch (route.page) {
    case AdminPage::kHealth: co_return Page{200, kJson, "{\"status\":\"ok\"}\n"};
    case AdminPage::kReady: co_return ready_page(loop.status_json());
    case AdminPage::kMetrics:
      metrics.update_cluster(loop.status_json());
      co_return Page{200, "text/plain; version=0.0.4; charset=utf-8", metrics.text()};
    case AdminPage::kCluster: co_return Page{200, kJson, loop.status_json() + "\n"};
    case AdminPage::kCommand: break;
  }
  log.info("admin_command", fmt::format("{} {}", head.target, body.substr(0, kLoggedBytes)));
  co_return co_await run_command(route, std::move(body));
}

Task<Page> AdminHttp::State::run_command(const AdminRoute& route, std::string body) {
  auto wish = read_wish(route, std::move(body));
  if (!wish) co_return refusal_page(wish.error());
  // Shared with the controller's answer, which may come while nobody waits yet.
  struct Waiting {
    explicit Waiting(const asio::any_io_executor& executor)
        : wakeup(std::make_shared<Wakeup>(executor)) {}
    std::shared_ptr<Wakeup> wakeup;
    std::optional<control::Answer> answer;
  };
  const auto waiter = std::make_shared<Waiting>(io.get_executor());
  waiting.insert(waiter->wakeup);
  const ControllerLoop::OnAnswer on_answer = [waiter](control::Answer answer) {
    waiter->answer = std::move(answer);
    waiter->wakeup->notify();
  };
  const auto id = loop.command(*std::move(wish), on_answer);
  const SteadyClock clock;
  const TimePoint until = clock.now() + limits.answer_limit;
  while (!waiter->answer && !stopping && clock.now() < until) {
    co_await waiter->wakeup->wait(until);
  }
  waiting.erase(waiter->wakeup);
  loop.forget(id);
  if (waiter->answer) co_return answer_page(*waiter->answer);
  if (stopping) co_return refusal_page({503, "stopping", "the controller stops"});
  co_return refusal_page({504, "timeout", "the controller did not answer in time"});
}

Task<Result<void>> AdminHttp::State::write(Socket socket, const Page& page, bool keep_alive) {
  http::response<http::string_body> response{static_cast<http::status>(page.status), 11};
  response.set(http::field::content_type, page.type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  if (page.status == 401) response.set(http::field::www_authenticate, "Bearer");
  response.keep_alive(keep_alive);
  response.body() = page.body;
  response.prepare_payload();
  std::ostringstream text;
  text << response;
  const std::string whole = std::move(text).str();
  const Bytes bytes(reinterpret_cast<const std::byte*>(whole.data()), whole.size());
  co_return co_await socket->write(bytes, limits.write_limit);
}

AdminHttp::AdminHttp(asio::io_context& io, TaskGroup& tasks, ControllerLoop& loop,
                     ServerMetrics& metrics, EventLog& log, AdminLimits limits, Secret token,
                     std::shared_ptr<TlsIdentity> tls)
    : state_(std::make_shared<State>(io, tasks, loop, metrics, log, limits, std::move(token),
                                     std::move(tls))) {}

AdminHttp::~AdminHttp() = default;

Result<void> AdminHttp::listen(const Endpoint& where) {
  if (state_->token.empty() && !is_loopback(where.host)) {
    return fail(ErrorCode::kUsage, "the admin port on {} needs a token: others can reach it",
                where.host);
  }
  // What only this host can reach, its other users may look at.
  if (is_loopback(where.host)) state_->open_pages = OpenPages::kProbes;
  return listen_on(state_->acceptor, where);
}

Endpoint AdminHttp::listening() const { return local_endpoint(state_->acceptor); }

void AdminHttp::start() { state_->tasks.start(state_->accept()); }

void AdminHttp::stop() {
  state_->stopping = true;
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  state_->guests.close_all();
  for (const auto& wakeup : state_->waiting) wakeup->notify();
}

}  // namespace switchyard::net

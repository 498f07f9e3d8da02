// The admin port over real loopback sockets: its routes, and every way to ask that must be refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/net/bad_heads.h"
#include "tests/unit/net/fake_brain.h"
#include "tests/unit/net/raw_socket.h"
#include "tests/unit/net/raw_tls.h"
#include "tests/unit/net/tls_world.h"

namespace switchyard::net {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

ServerOptions with_admin() {
  ServerOptions options;
  options.admin = Endpoint{"127.0.0.1", 0};
  return options;
}

class AdminHttpTest : public ::testing::Test {
 protected:
  explicit AdminHttpTest(ServerOptions options = with_admin()) : server_(brain_, options) {}

  // Everything that comes back for these bytes.
  [[nodiscard]] std::string exchange(std::string_view bytes) const {
    RawSocket socket(server_.admin());
    socket.send(bytes);
    return socket.receive_all();
  }
  [[nodiscard]] std::string get(const std::string& path, const std::string& fields = "") const {
    return exchange("GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + fields +
                    "\r\n");
  }
  [[nodiscard]] std::string post(const std::string& path, const std::string& body,
                                 const std::string& type = "application/json") const {
    return exchange(
        fmt::format("POST {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                    "Content-Type: {}\r\nContent-Length: {}\r\n\r\n{}",
                    path, type, body.size(), body));
  }
  static nlohmann::json body_of(const std::string& response) {
    return nlohmann::json::parse(response.substr(response.find("\r\n\r\n") + 4), nullptr, false);
  }

  FakeBrain brain_;
  RunningServer server_;
};

TEST_F(AdminHttpTest, PagesAnswer) {
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 200"));
  brain_.cannot_serve("16 experts have no copy left");
  EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 503"));
  EXPECT_EQ(body_of(get("/readyz"))["reason"], "16 experts have no copy left");
  EXPECT_EQ(body_of(get("/v1/cluster"))["view"]["epoch"], 3);
  const auto metrics = get("/metrics");
  EXPECT_THAT(metrics, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(metrics, HasSubstr("switchyard_control_connections{kind=\"agent\"} 0"));
  EXPECT_THAT(metrics, HasSubstr("switchyard_view_epoch 3"));
  EXPECT_THAT(metrics, HasSubstr("switchyard_rank_healthy{rank=\"0\"} 1"));
}

TEST_F(AdminHttpTest, CommandsReachTheController) {
  const auto scaled = post("/v1/scale", R"({"expert_ranks": 5})");
  EXPECT_THAT(scaled, StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(body_of(scaled)["code"], "ok");
  EXPECT_THAT(post("/v1/drain", R"({"rank": 2})"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(post("/v1/undrain", R"({"rank": 2})"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(post("/v1/rebalance", "{}"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(post("/v1/rebalance", ""), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(post("/v1/replicas", R"({"replicas": 3})"), StartsWith("HTTP/1.1 200"));
  const auto commands = brain_.received<control::Command>();
  ASSERT_EQ(commands.size(), 6u);
  EXPECT_EQ(commands[5].wish, control::Wish::kReplicas);
  EXPECT_EQ(commands[5].amount, 3u);
  EXPECT_EQ(commands[0].wish, control::Wish::kScale);
  EXPECT_EQ(commands[0].amount, 5u);
  EXPECT_EQ(commands[1].wish, control::Wish::kDrain);
  EXPECT_EQ(commands[1].amount, 2u);
  EXPECT_EQ(commands[2].wish, control::Wish::kUndrain);
  EXPECT_EQ(commands[2].amount, 2u);
  EXPECT_EQ(commands[3].wish, control::Wish::kRebalance);
}

// A plan may be longer than any other body; the controller reads it.
TEST_F(AdminHttpTest, PlansReachTheController) {
  const std::string plan =
      R"({"format": "switchyard-plan", "x": ")" + std::string(200'000, 'y') + "\"}";
  EXPECT_THAT(post("/v1/place", plan), StartsWith("HTTP/1.1 200"));
  const auto plans = brain_.received<control::Place>();
  ASSERT_EQ(plans.size(), 1u);
  EXPECT_EQ(plans[0].plan, plan);
  EXPECT_THAT(post("/v1/place", plan, "text/plain"), StartsWith("HTTP/1.1 415"));
  EXPECT_THAT(post("/v1/scale", plan), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(post("/v1/placement", "{}"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(exchange("POST /v1/place HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                       "Content-Type: application/json\r\nContent-Length: 16777217\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
}

TEST_F(AdminHttpTest, RefusalsOfTheControllerHaveTheirStatus) {
  brain_.answer_with({false, "busy", "epoch 4 is being prepared", ""});
  const auto busy = post("/v1/scale", R"({"expert_ranks": 5})");
  EXPECT_THAT(busy, StartsWith("HTTP/1.1 409"));
  EXPECT_EQ(body_of(busy)["reason"], "epoch 4 is being prepared");
  brain_.answer_with({false, "too_few_ranks", "5 asked for, 2 can be had", ""});
  EXPECT_THAT(post("/v1/scale", R"({"expert_ranks": 5})"), StartsWith("HTTP/1.1 400"));
}

TEST_F(AdminHttpTest, BodiesThatSayNothingGoodAreRefused) {
  for (const char* body :
       {"", "{}", "5", "[]", "null", R"({"expert_ranks": -1})", R"({"expert_ranks": 1.5})",
        R"({"expert_ranks": "2"})", R"({"expert_ranks": 4294967296})", R"({"ranks": 2})",
        R"({"expert_ranks": 2, "more": 1})", R"({"expert_ranks": 2, "expert_ranks": 2})",
        R"({"expert_ranks": 2)", "{\"expert_ranks\": \xff}"}) {
    EXPECT_THAT(post("/v1/scale", body), StartsWith("HTTP/1.1 400")) << body;
  }
  EXPECT_THAT(post("/v1/rebalance", R"({"now": true})"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(post("/v1/scale", std::string(60'000, '[')), StartsWith("HTTP/1.1 400"));
  EXPECT_TRUE(brain_.received<control::Command>().empty());
}

TEST_F(AdminHttpTest, WrongRoutesMethodsTypesAndSizesHaveTheirStatus) {
  EXPECT_THAT(get("/"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(get("/v1/cluster/"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(get("/../healthz"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(get("/v1/scale"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(post("/healthz", "{}"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(post("/v1/scale", std::string(65'537, ' ')), StartsWith("HTTP/1.1 413"));
}

// Forms and scripts of a page elsewhere send these types without asking for leave (CORS).
TEST_F(AdminHttpTest, CommandsAreJsonAlsoWithoutABody) {
  for (const char* path :
       {"/v1/scale", "/v1/drain", "/v1/undrain", "/v1/rebalance", "/v1/replicas", "/v1/place"}) {
    for (const char* type : {"text/plain", "application/x-www-form-urlencoded",
                             "multipart/form-data; boundary=x", "application/json+x", ""}) {
      EXPECT_THAT(post(path, "{}", type), StartsWith("HTTP/1.1 415")) << path << type;
      EXPECT_THAT(post(path, "", type), StartsWith("HTTP/1.1 415")) << path << type;
    }
    const auto bare = exchange(fmt::format(
        "POST {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", path));
    EXPECT_THAT(bare, StartsWith("HTTP/1.1 415")) << path;
    EXPECT_THAT(bare, HasSubstr("Content-Type: application/json")) << path;
  }
  EXPECT_TRUE(brain_.received<control::Command>().empty());
  EXPECT_TRUE(brain_.received<control::Place>().empty());
  EXPECT_THAT(post("/v1/rebalance", "", "Application/JSON ; charset=utf-8"),
              StartsWith("HTTP/1.1 200"));
}

// A page whose name leads here (DNS rebinding) may send JSON, and its browser says who it is.
TEST_F(AdminHttpTest, PagesOfABrowserGiveNoCommandsAndGetNoLeaveTo) {
  for (const char* origin : {"http://elsewhere.example", "http://127.0.0.1", "null", ""}) {
    const auto response = exchange(
        fmt::format("POST /v1/drain HTTP/1.1\r\nHost: a\r\nConnection: close\r\nOrigin: {}\r\n"
                    "Content-Type: application/json\r\nContent-Length: 11\r\n\r\n{{\"rank\": 1}}",
                    origin));
    EXPECT_THAT(response, StartsWith("HTTP/1.1 403")) << origin;
    const auto preflight = exchange(
        fmt::format("OPTIONS /v1/drain HTTP/1.1\r\nHost: a\r\nConnection: close\r\nOrigin: {}\r\n"
                    "Access-Control-Request-Method: POST\r\n\r\n",
                    origin));
    EXPECT_THAT(preflight, StartsWith("HTTP/1.1 405")) << origin;
    EXPECT_EQ(preflight.find("Access-Control-Allow"), std::string::npos) << origin;
  }
  EXPECT_TRUE(brain_.received<control::Command>().empty());
}

TEST_F(AdminHttpTest, EveryBadHeadIsRefusedAndItsConnectionEnded) {
  for (const BadHead& bad : bad_heads()) {
    const auto response = exchange(bad.head);
    EXPECT_THAT(response, StartsWith(fmt::format("HTTP/1.1 {}", bad.status))) << bad.name;
    EXPECT_THAT(response, HasSubstr("Connection: close")) << bad.name;
  }
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(AdminHttpTest, ChunkedBodiesAreReadAndTheirTricksRefused) {
  const std::string head =
      "POST /v1/scale HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
      "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_THAT(exchange(head + "9\r\n{\"expert_\r\na\r\nranks\": 4}\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(brain_.received<control::Command>().at(0).amount, 4u);
  EXPECT_THAT(exchange(head + "2;" + std::string(2'000, 'x') + "\r\n{}\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(exchange(head + "2;" + std::string(16'000, 'x') + "\r\n{}\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(exchange(head + "zz\r\n{}\r\n0\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(exchange(head + "fffffffffffffffff\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(exchange(head + "20000\r\n" + std::string(0x20000, ' ') + "\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  // Chunks of a byte: six on the wire for one that counts.
  std::string crumbs = head;
  for (int i = 0; i < 60'000; ++i) crumbs += "1\r\n \r\n";
  EXPECT_THAT(exchange(crumbs), StartsWith("HTTP/1.1 400"));
  EXPECT_EQ(brain_.received<control::Command>().size(), 1u);
}

// What a lenient parser takes for the end of one request and the start of another.
TEST_F(AdminHttpTest, NothingIsSmuggledBehindARequestThatIsRefused) {
  const std::string hidden =
      "POST /v1/rebalance HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Content-Length: 0\r\n\r\n";
  for (const char* framing : {"Transfer-Encoding: xchunked", "Transfer-Encoding: chunked, identity",
                              "Content-Length: 3, 3", "Content-Length: 0\r\nContent-Length: 0",
                              "Content-Length: 0\r\nTransfer-Encoding: chunked"}) {
    const auto response = exchange(
        fmt::format("POST /v1/scale HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{}"
                    "\r\n\r\n{}",
                    framing, hidden));
    EXPECT_THAT(response, StartsWith("HTTP/1.1 400")) << framing;
    EXPECT_EQ(response.find("HTTP/1.1", 8), std::string::npos) << framing;
  }
  EXPECT_TRUE(brain_.received<control::Command>().empty());
}

TEST_F(AdminHttpTest, OneConnectionCarriesSeveralRequests) {
  RawSocket socket(server_.admin());
  const std::string one = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
  socket.send(one + one + "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const auto responses = socket.receive_all();
  std::size_t count = 0;
  for (auto at = responses.find("HTTP/1.1 200"); at != std::string::npos;
       at = responses.find("HTTP/1.1 200", at + 1)) {
    ++count;
  }
  EXPECT_EQ(count, 3u);
}

class HastyAdminHttpTest : public AdminHttpTest {
 protected:
  HastyAdminHttpTest() : AdminHttpTest(options()) {}
  static ServerOptions options() {
    ServerOptions hasty = with_admin();
    hasty.admin_limit = std::chrono::milliseconds(30);
    return hasty;
  }
};

TEST_F(HastyAdminHttpTest, WhoIsSlowIsCut) {
  RawSocket head(server_.admin());
  head.send("GET /healthz HTT");
  EXPECT_TRUE(head.ended());
  RawSocket body(server_.admin());
  body.send(
      "POST /v1/scale HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Content-Length: 20\r\n\r\n{");
  EXPECT_TRUE(body.ended());
}

// A byte now and then buys no time (slowloris).
TEST_F(HastyAdminHttpTest, WhoTricklesIsCut) {
  for (const char* start : {"GET /healthz HTTP/1.1\r\nHost: a\r\nX: ",
                            "POST /v1/scale HTTP/1.1\r\nHost: a\r\nContent-Type: "
                            "application/json\r\nContent-Length: 60000\r\n\r\n"}) {
    RawSocket slow(server_.admin());
    slow.send(start);
    EXPECT_LT(slow.trickle(), 10'000u) << start;
  }
}

class GuardedAdminHttpTest : public AdminHttpTest {
 protected:
  explicit GuardedAdminHttpTest(const char* host = "127.0.0.1") : AdminHttpTest(options(host)) {}
  static ServerOptions options(const char* host) {
    ServerOptions guarded = with_admin();
    guarded.admin->host = host;
    guarded.admin_token = Secret("a token for tests only");
    return guarded;
  }
  void expect_guarded(const char* path) const {
    EXPECT_THAT(get(path), StartsWith("HTTP/1.1 401")) << path;
    EXPECT_THAT(get(path, "Authorization: Bearer a token for tests onlx\r\n"),
                StartsWith("HTTP/1.1 401"))
        << path;
    EXPECT_THAT(get(path, "Authorization: Basic a token for tests only\r\n"),
                StartsWith("HTTP/1.1 401"))
        << path;
  }
  static constexpr const char* kGood = "Authorization: Bearer a token for tests only\r\n";
};

TEST_F(GuardedAdminHttpTest, OnlyWhatProbesAskIsOpen) {
  for (const char* path : {"/healthz", "/readyz", "/metrics"}) {
    EXPECT_THAT(get(path), StartsWith("HTTP/1.1 200")) << path;
  }
  for (const char* path : {"/v1/cluster", "/v1/scale", "/nothing"}) expect_guarded(path);
  EXPECT_THAT(get("/v1/cluster", kGood), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(get("/nothing", kGood), StartsWith("HTTP/1.1 404"));
  for (const char* path : {"/v1/scale", "/v1/drain", "/v1/rebalance", "/v1/place", "/metrics/x"}) {
    EXPECT_THAT(post(path, "{}"), StartsWith("HTTP/1.1 401")) << path;
    EXPECT_THAT(post(path, "{}", "text/plain"), StartsWith("HTTP/1.1 401")) << path;
  }
  EXPECT_TRUE(brain_.received<control::Command>().empty());
  EXPECT_THAT(exchange(std::string("POST /v1/rebalance HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                   "Content-Type: application/json\r\n") +
                       kGood + "\r\n"),
              StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(brain_.received<control::Command>().size(), 1u);
}

class FarAdminHttpTest : public GuardedAdminHttpTest {
 protected:
  FarAdminHttpTest() : GuardedAdminHttpTest("0.0.0.0") {}
};

TEST_F(FarAdminHttpTest, OnlyHealthIsOpenWhereOtherHostsReachIt) {
  EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200"));
  for (const char* path : {"/readyz", "/metrics", "/v1/cluster", "/v1/scale", "/nothing"}) {
    expect_guarded(path);
  }
  for (const char* path : {"/readyz", "/metrics", "/v1/cluster"}) {
    EXPECT_THAT(get(path, kGood), StartsWith("HTTP/1.1 200")) << path;
  }
}

class AdminHttpsTest : public TlsWorld {
 protected:
  [[nodiscard]] ServerOptions options(Duration limit) const {
    ServerOptions options = server_options(authority_.issue("controller"));
    options.admin = Endpoint{"127.0.0.1", 0};
    options.admin_limit = limit;
    return options;
  }
  FakeBrain brain_;
};

// Probes and browsers have no certificate of the cluster.
TEST_F(AdminHttpsTest, PagesAndCommandsAnswerWithoutACertificate) {
  const RunningServer server(brain_, options(std::chrono::seconds(10)));
  RawTls page(server.admin(), std::nullopt);
  page.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  page.send("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const auto pages = page.receive_all();
  EXPECT_THAT(pages, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(pages, HasSubstr("switchyard_certificate_expires_timestamp_seconds"));
  EXPECT_THAT(pages, HasSubstr("\"status\":\"ok\""));
  RawTls command(server.admin(), std::nullopt);
  command.send(
      "POST /v1/drain HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
      "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"ra\r\n");
  command.send("7\r\nnk\": 3}\r\n0\r\n\r\n");
  EXPECT_THAT(command.receive_all(), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(brain_.received<control::Command>().at(0).amount, 3u);
}

TEST_F(AdminHttpsTest, PlainHttpAndSlowHandshakesGetNothing) {
  const RunningServer server(brain_, options(std::chrono::milliseconds(50)));
  RawSocket plain(server.admin());
  plain.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(plain.receive_all().find("HTTP"), std::string::npos);
  RawSocket silent(server.admin());
  EXPECT_TRUE(silent.ended());
  RawTls slow(server.admin(), std::nullopt);
  slow.send("GET /healthz HTT");
  EXPECT_EQ(slow.receive_all(), "");
}

TEST(AdminHttp, ListensBeyondLoopbackOnlyWithAToken) {
  FakeBrain brain;
  ServerOptions open;
  open.admin = Endpoint{"0.0.0.0", 0};
  const auto refused = ControllerServer::create(open, brain.brain(), std::nullopt, make_null_log());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kUsage);
}

}  // namespace
}  // namespace switchyard::net

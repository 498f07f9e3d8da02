// Control connections under TLS: who gets in, who does not, and that the log says why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

#include "tests/unit/net/raw_socket.h"
#include "tests/unit/net/raw_tls.h"
#include "tests/unit/net/tls_world.h"

namespace switchyard::net {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using tests::CertificateFacts;

class TlsTest : public TlsWorld {
 protected:
  // What a client with these files is told; empty: it was let in.
  [[nodiscard]] std::string ask(const TlsFiles& files) const {
    auto client = Client::connect(server_->where(), kSecret, kPatience, open(files));
    if (!client) return client.error().message;
    const auto answer = client->ask(control::Command{control::Wish::kStatus, 0}, kPatience);
    return answer ? "" : answer.error().message;
  }
  // Lets the server end, so that its log is whole.
  [[nodiscard]] std::string log_of_the_run() {
    server_->stop();
    return lines_.str();
  }
  void start(ServerOptions options) {
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(lines_);
    server_.emplace(brain_, std::move(options), std::make_shared<spdlog::logger>("test", sink));
  }
  void start(const TlsFiles& files) { start(server_options(files)); }

  FakeBrain brain_;
  std::ostringstream lines_;
  std::optional<RunningServer> server_;
};

TEST_F(TlsTest, WhoseCertificateIsOfTheAuthorityGetsIn) {
  start(authority_.issue("controller"));
  EXPECT_EQ(ask(authority_.issue("client")), "");
  CertificateFacts separate;
  separate.usage = "clientAuth";
  separate.names = "";
  EXPECT_EQ(ask(authority_.issue("client of its own kind", separate)), "");
}

struct BadClient {
  const char* name;
  CertificateFacts facts;
  const char* reason;
};

TEST_F(TlsTest, ACallerWithABadCertificateGetsNothingAndTheLogSaysWhy) {
  const std::vector<BadClient> bad{
      {"expired", {.begins_s = -7200, .ends_s = -60}, "certificate has expired"},
      {"early", {.begins_s = 3600, .ends_s = 7200}, "certificate is not yet valid"},
      {"server only", {.usage = "serverAuth"}, "certificate purpose"},
  };
  start(authority_.issue("controller"));
  for (const BadClient& each : bad) {
    EXPECT_THAT(ask(authority_.issue(each.name, each.facts)), HasSubstr("refused this side"))
        << each.name;
  }
  TlsFiles stranger = tests::TestAuthority(folder_, "other").issue("stranger");
  stranger.authority = authority_.file();
  EXPECT_THAT(ask(stranger), HasSubstr("refused this side"));
  RawTls nobody(server_->where(), std::nullopt);
  nobody.send(std::string(200, 'x'));
  EXPECT_EQ(nobody.receive_all(), "");
  EXPECT_TRUE(brain_.wait_for(is_happening<control::Tick>));
  EXPECT_FALSE(brain_.saw(is_happening<control::Connected>));
  EXPECT_EQ(ask(authority_.issue("good")), "");
  const std::string log = log_of_the_run();
  for (const BadClient& each : bad) EXPECT_THAT(log, HasSubstr(each.reason)) << each.name;
  EXPECT_THAT(log, HasSubstr("unable to get local issuer certificate"));
  EXPECT_THAT(log, HasSubstr("it shows no certificate"));
}

TEST_F(TlsTest, AControllerWithABadCertificateIsNotTrusted) {
  const std::vector<BadClient> bad{
      {"expired", {.begins_s = -7200, .ends_s = -60}, "certificate has expired"},
      {"other address", {.names = "IP:127.0.0.2,DNS:elsewhere"}, "IP address mismatch"},
      {"127.0.0.1", {.names = ""}, "IP address mismatch"},  // its common name does not count
      {"client only", {.usage = "clientAuth"}, "certificate purpose"},
  };
  const TlsFiles client = authority_.issue("client");
  for (const BadClient& each : bad) {
    start(authority_.issue(each.name, each.facts));
    EXPECT_THAT(ask(client), HasSubstr(each.reason)) << each.name;
    EXPECT_FALSE(brain_.saw(is_happening<control::Connected>));
  }
  const tests::TestAuthority other(folder_, "other");
  start(other.issue("impostor"));
  EXPECT_THAT(ask(client), HasSubstr("unable to get local issuer certificate"));
}

TEST_F(TlsTest, TheNameThatWasDialledIsChecked) {
  start(authority_.issue("controller", {.names = "DNS:localhost"}));
  const auto identity = open(authority_.issue("client"));
  const Endpoint by_name{"localhost", server_->where().port};
  const auto named = Client::connect(by_name, kSecret, kPatience, identity);
  EXPECT_TRUE(named.has_value()) << named.error().message;
  EXPECT_FALSE(Client::connect(server_->where(), kSecret, kPatience, identity).has_value());
}

TEST_F(TlsTest, WhoDoesNotSpeakTlsGetsNoByteOfTheProtocol) {
  start(authority_.issue("controller"));
  const auto plain = Client::connect(server_->where(), kSecret, kPatience);
  EXPECT_FALSE(plain.has_value());
  for (const std::string& text :
       {std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), std::string(64, 'x'),
        std::string(64, '\0'), std::string("\x16\x03\x01\x40\x00", 5) + std::string(20'000, 'x')}) {
    RawSocket socket(server_->where());
    socket.send(text);
    const std::string got = socket.receive_all();
    // Nothing, or the seven bytes of an alert.
    EXPECT_TRUE(got.empty() || (got.size() == 7 && got[0] == '\x15')) << got;
  }
  EXPECT_THAT(log_of_the_run(), HasSubstr("it does not speak TLS"));
  EXPECT_FALSE(brain_.saw(is_happening<control::Connected>));
}

TEST_F(TlsTest, OlderVersionsAreRefused) {
  start(authority_.issue("controller"));
  const RawTls old(server_->where(), authority_.issue("client"), TLS1_2_VERSION);
  EXPECT_FALSE(old.shook_hands());
  EXPECT_EQ(ask(authority_.issue("good")), "");  // served after the other one was logged
  EXPECT_THAT(log_of_the_run(), HasSubstr("it does not speak TLS 1.3"));
}

TEST_F(TlsTest, ACertificateDoesNotReplaceTheSecret) {
  start(authority_.issue("controller"));
  const auto identity = open(authority_.issue("client"));
  for (const Secret& wrong : {Secret(), Secret("another secret altogether")}) {
    const auto refused = Client::connect(server_->where(), wrong, kPatience, identity);
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().message, HasSubstr("secrets differ"));
  }
  EXPECT_THAT(log_of_the_run(), HasSubstr("it does not know the secret"));
  EXPECT_FALSE(brain_.saw(is_happening<control::Connected>));
}

TEST_F(TlsTest, WhoIsSlowWithTheHandshakeIsCut) {
  ServerOptions hasty = server_options(authority_.issue("controller"));
  hasty.handshake_limit = std::chrono::milliseconds(20);
  start(hasty);
  RawSocket silent(server_->where());
  EXPECT_TRUE(silent.ended());
  RawSocket halting(server_->where());
  halting.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00", 7));
  EXPECT_TRUE(halting.ended());
  EXPECT_THAT(log_of_the_run(), HasSubstr("TLS handshake took too long"));
}

TEST_F(TlsTest, ACallerUnderTlsLeavesAPlainPortInTime) {
  ServerOptions plain;
  plain.secret = kSecret;
  start(plain);
  EXPECT_THAT(ask(authority_.issue("client")), Not(HasSubstr("took too long")));
}

// Files are renewed while the controller runs; what is open stays open.
TEST_F(TlsTest, NewFilesAreTakenWithoutARestartAndBadOnesAreNot) {
  const TlsFiles files = authority_.issue("controller");
  start(files);
  auto before =
      Client::connect(server_->where(), kSecret, kPatience, open(authority_.issue("client")));
  ASSERT_TRUE(before.has_value()) << before.error().message;
  write("controller.pem", "not a certificate");
  EXPECT_EQ(ask(authority_.issue("client")), "");
  const tests::TestAuthority next(folder_, "next");
  write("ca.pem", authority_.pem() + next.pem());  // both, until all have changed
  EXPECT_EQ(ask(authority_.issue("client")), "");
  (void)next.issue("controller");
  EXPECT_EQ(ask(next.issue("new client")), "");
  EXPECT_EQ(ask(authority_.issue("client")), "");
  write("ca.pem", next.pem());
  EXPECT_EQ(ask(next.issue("new client")), "");
  TlsFiles former = authority_.issue("client");
  former.authority = next.file();
  EXPECT_THAT(ask(former), HasSubstr("refused this side"));
  EXPECT_TRUE(before->ask(control::Command{control::Wish::kStatus, 0}, kPatience).has_value());
  const std::string log = log_of_the_run();
  EXPECT_THAT(log, HasSubstr("certificate_refused"));
  EXPECT_THAT(log, HasSubstr("certificate_taken"));
}

TEST_F(TlsTest, BeyondLoopbackTlsIsEnough) {
  ServerOptions open_to_all;
  open_to_all.listen = {"0.0.0.0", 0};
  open_to_all.tls = open(authority_.issue("controller"));
  EXPECT_TRUE(ControllerServer::create(open_to_all, brain_.brain(), std::nullopt, make_null_log())
                  .has_value());
}

TEST_F(TlsTest, WaitsThatEndWithNothingLoseNothing) {
  start(authority_.issue("controller"));
  auto client =
      Client::connect(server_->where(), kSecret, kPatience, open(authority_.issue("client")))
          .value();
  ASSERT_TRUE(brain_.wait_for(is_happening<control::Connected>));
  constexpr std::uint64_t kEvents = 300;
  std::uint64_t heard = 0;
  for (std::uint64_t sent = 0; sent < kEvents; ++sent) {
    const std::string text(1 + sent * 97 % 40'000, 'x');
    brain_.next_actions(
        {control::Send{control::ConnectionId(1), control::Event{sent, "some_event", text}}});
    ASSERT_TRUE(client.send(control::Command{control::Wish::kStatus, 0}, kPatience).has_value());
    for (std::uint64_t messages = 0; messages < 2;) {
      const auto got = client.receive(std::chrono::microseconds(50));
      ASSERT_TRUE(got.has_value()) << got.error().message;
      if (!*got) continue;
      ++messages;
      if (const auto* event = std::get_if<control::Event>(&**got)) {
        EXPECT_EQ(event->number, heard++);
        EXPECT_EQ(event->text, text);
      }
    }
  }
  EXPECT_EQ(heard, kEvents);
}

}  // namespace
}  // namespace switchyard::net

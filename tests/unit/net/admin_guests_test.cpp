// Who has to leave the admin port when more come than it holds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/net/fake_brain.h"
#include "tests/unit/net/raw_socket.h"

namespace switchyard::net {
namespace {

using ::testing::StartsWith;
using Many = std::vector<std::unique_ptr<RawSocket>>;

constexpr std::size_t kMany = 70;  // more than it holds

ServerOptions guarded() {
  ServerOptions options;
  options.admin = Endpoint{"127.0.0.1", 0};
  options.admin_token = Secret("a token for tests only");
  return options;
}

class AdminGuestsTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string ask(const std::string& line, const std::string& fields = "") const {
    RawSocket socket(server_.admin());
    socket.send(line + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + fields + "\r\n");
    return socket.receive_all();
  }
  // Each of whom says that and no more.
  [[nodiscard]] Many many_who_say(std::string_view said) const {
    Many many;
    for (std::size_t i = 0; i < kMany; ++i) {
      many.push_back(std::make_unique<RawSocket>(server_.admin()));
      many.back()->send(said);
    }
    return many;
  }
  static constexpr const char* kToken = "Authorization: Bearer a token for tests only\r\n";

  FakeBrain brain_;
  RunningServer server_{brain_, guarded()};
};

// A connection costs a stranger nothing, so it must not cost anybody else the port.
TEST_F(AdminGuestsTest, ManyWhoAskForNothingKeepNobodyOut) {
  for (const char* said : {"", "GET /healthz HTT"}) {
    const Many silent = many_who_say(said);
    EXPECT_THAT(ask("GET /healthz"), StartsWith("HTTP/1.1 200")) << said;
    EXPECT_THAT(ask("GET /v1/cluster", kToken), StartsWith("HTTP/1.1 200")) << said;
    EXPECT_TRUE(silent.front()->ended()) << said;
  }
}

TEST_F(AdminGuestsTest, ACommandUnderWayDoesNotGiveWay) {
  brain_.withholds_answers();
  RawSocket asking(server_.admin());
  asking.send(std::string("POST /v1/rebalance HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                          "Content-Type: application/json\r\n") +
              kToken + "\r\n");
  ASSERT_TRUE(brain_.wait_for(is_message<control::Command>));
  const Many silent = many_who_say("");
  EXPECT_THAT(ask("GET /healthz"), StartsWith("HTTP/1.1 200"));
  const auto command = brain_.happenings<control::Received>().at(0).connection;
  brain_.next_actions({control::Send{command, control::Answer{true, "ok", "", ""}}});
  EXPECT_THAT(asking.receive_all(), StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace switchyard::net

#include "runtime/net/client.h"

#include <gtest/gtest.h>

#include "tests/unit/net/fake_brain.h"

namespace switchyard::net {
namespace {

constexpr std::chrono::seconds kPatience{10};

TEST(Client, AsksAndHearsEvents) {
  FakeBrain brain;
  const RunningServer server(brain, {});
  auto client = Client::connect(server.where(), Secret(), kPatience).value();
  brain.answer_with({false, "busy", "a change is under way", "{}"});
  brain.next_actions(
      {control::Send{control::ConnectionId(1), control::Event{5, "rank_dead", "x"}}});
  const auto answer = client.ask(control::Command{control::Wish::kScale, 3}, kPatience);
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_FALSE(answer->accepted);
  EXPECT_EQ(answer->code, "busy");
  EXPECT_EQ(brain.received<control::Command>().at(0).amount, 3u);
  const auto event = client.receive(kPatience).value();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(std::get<control::Event>(*event).number, 5u);
  EXPECT_FALSE(client.receive(std::chrono::milliseconds(1)).value().has_value());
  // A wait that ended with nothing leaves the connection as it was.
  EXPECT_TRUE(client.ask(control::Command{control::Wish::kStatus, 0}, kPatience).has_value());
}

TEST(Client, SaysWhereNoControllerAnswers) {
  const auto none = Client::connect({"127.0.0.1", 1}, Secret(), kPatience);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::kPeer);
  EXPECT_NE(none.error().message.find("127.0.0.1:1"), std::string::npos);
}

TEST(Client, NoticesTheEndOfTheController) {
  FakeBrain brain;
  RunningServer server(brain, {});
  auto client = Client::connect(server.where(), Secret(), kPatience).value();
  ASSERT_TRUE(brain.wait_for(is_happening<control::Connected>));
  server.stop();
  const auto received = client.receive(kPatience);
  ASSERT_FALSE(received.has_value());
  EXPECT_EQ(received.error().code, ErrorCode::kPeer);
}

}  // namespace
}  // namespace switchyard::net

// What strangers and broken peers can do to the controller's server: nothing but lose their own
// connection.
#include "runtime/net/controller_server.h"

#include <gtest/gtest.h>

#include <array>

#include "runtime/control/codec.h"
#include "runtime/net/client.h"
#include "runtime/net/handshake.h"
#include "tests/unit/net/fake_brain.h"
#include "tests/unit/net/raw_socket.h"

namespace switchyard::net {
namespace {

constexpr std::chrono::seconds kPatience{10};
const Secret kSecret("a secret of this test alone");

using Payload = std::vector<std::byte>;

ServerOptions options() {
  ServerOptions options;
  options.secret = kSecret;
  return options;
}

Greeting hello(control::Speaker speaker) {
  return make_hello({control::kProtocolVersion, control::kProtocolVersion, speaker}, make_nonce());
}

// A peer that has proved itself and may now send what it likes.
void authenticate(RawSocket& socket, control::Speaker speaker) {
  const Greeting mine = hello(speaker);
  socket.send(mine);
  Greeting challenge{};
  ASSERT_TRUE(socket.receive(challenge));
  socket.send(prove(kSecret, Prover::kCaller, mine, challenge));
  Proof answer{};
  ASSERT_TRUE(socket.receive(answer));
  ASSERT_TRUE(same(answer, prove(kSecret, Prover::kController, mine, challenge)));
}

// The next message that comes; Goodbye, which no controller says, where none does.
control::Message next_message(RawSocket& socket) {
  std::array<std::byte, control::kFrameHeaderBytes> bytes{};
  if (!socket.receive(bytes)) return control::Goodbye{};
  const auto header = control::decode_header(bytes);
  if (!header) return control::Goodbye{};
  Payload body(header->body_bytes);
  if (!body.empty() && !socket.receive(body)) return control::Goodbye{};
  auto message = control::decode_body(*header, body);
  return message ? *std::move(message) : control::Message(control::Goodbye{});
}

TEST(ControllerServer, ListensBeyondLoopbackOnlyWithASecret) {
  FakeBrain brain;
  ServerOptions open;
  open.listen = {"0.0.0.0", 0};
  const auto refused = ControllerServer::create(open, brain.brain(), std::nullopt, make_null_log());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kUsage);
  open.secret = kSecret;
  EXPECT_TRUE(
      ControllerServer::create(open, brain.brain(), std::nullopt, make_null_log()).has_value());
}

TEST(ControllerServer, SaysThatThePortIsTaken) {
  FakeBrain brain;
  const RunningServer server(brain, options());
  ServerOptions same_port = options();
  same_port.listen = server.where();
  const auto taken =
      ControllerServer::create(same_port, brain.brain(), std::nullopt, make_null_log());
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, ErrorCode::kIo);
}

TEST(ControllerServer, AMalformedFrameEndsItsConnectionOnly) {
  FakeBrain brain;
  const RunningServer server(brain, options());
  auto good = Client::connect(server.where(), kSecret, kPatience).value();
  auto frame = control::encode(control::Heartbeat{});
  const std::vector<std::vector<std::byte>> bad{
      std::vector<std::byte>(64, std::byte{0x47}),  // no frame at all
      control::encode(control::Welcome{}),          // not an agent's to say
      [&] {
        frame[12] = std::byte{99};
        return frame;
      }(),                                                              // an unknown phase
      control::encode(control::Command{control::Wish::kShutdown, 0})};  // a client's to say
  for (const auto& bytes : bad) {
    RawSocket socket(server.where());
    authenticate(socket, control::Speaker::kAgent);
    socket.send(bytes);
    EXPECT_TRUE(socket.ended());
  }
  EXPECT_TRUE(brain.wait_for(is_happening<control::Disconnected>, bad.size()));
  EXPECT_TRUE(brain.received<control::Heartbeat>().empty());
  EXPECT_TRUE(brain.received<control::Command>().empty());
  EXPECT_TRUE(good.ask(control::Command{control::Wish::kStatus, 0}, kPatience).has_value());
}

TEST(ControllerServer, AStrangerLearnsNothing) {
  FakeBrain brain;
  const RunningServer server(brain, options());
  RawSocket http(server.where());
  http.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  http.send("and more, so that a greeting is full");
  EXPECT_TRUE(http.ended());

  RawSocket wrong(server.where());
  const Greeting mine = hello(control::Speaker::kClient);
  wrong.send(mine);
  Greeting challenge{};
  ASSERT_TRUE(wrong.receive(challenge));
  wrong.send(prove(Secret("not the secret of this cluster"), Prover::kCaller, mine, challenge));
  EXPECT_TRUE(wrong.ended());

  // Another version hears which one is spoken here, and nothing else.
  RawSocket old(server.where());
  old.send(make_hello({200, 201, control::Speaker::kClient}, make_nonce()));
  ASSERT_TRUE(old.receive(challenge));
  EXPECT_EQ(challenge[4], std::byte{0});
  EXPECT_TRUE(old.ended());
  EXPECT_FALSE(read_challenge(challenge, {200, 201, control::Speaker::kClient}).has_value());

  // A proof that was seen on the wire is of no use: the nonce is another.
  RawSocket again(server.where());
  again.send(mine);
  Greeting fresh{};
  ASSERT_TRUE(again.receive(fresh));
  EXPECT_NE(fresh, challenge);
  again.send(prove(kSecret, Prover::kCaller, mine, challenge));
  EXPECT_TRUE(again.ended());
  EXPECT_TRUE(brain.wait_for(is_happening<control::Tick>));
  EXPECT_FALSE(brain.saw(is_happening<control::Connected>));
}

TEST(ControllerServer, AgentsHearThatItLivesOnceTheyAreWelcome) {
  FakeBrain brain;
  const RunningServer server(brain, options());
  RawSocket late(server.where());
  authenticate(late, control::Speaker::kAgent);
  ASSERT_TRUE(brain.wait_for(is_happening<control::Connected>));
  RawSocket early(server.where());
  authenticate(early, control::Speaker::kAgent);
  early.send(control::encode(control::Register{}));
  ASSERT_EQ(control::name_of(next_message(early)), "welcome");
  // It is said to all who may hear it at the same moment.
  ASSERT_EQ(control::name_of(next_message(early)), "alive");
  late.send(control::encode(control::Register{}));
  EXPECT_EQ(control::name_of(next_message(late)), "welcome");
  EXPECT_EQ(control::name_of(next_message(late)), "alive");
}

TEST(ControllerServer, WhoSaysHelloTooSlowlyIsCut) {
  FakeBrain brain;
  ServerOptions hasty = options();
  hasty.handshake_limit = std::chrono::milliseconds(20);
  hasty.frame_limit = std::chrono::milliseconds(20);
  const RunningServer server(brain, hasty);
  RawSocket silent(server.where());
  EXPECT_TRUE(silent.ended());
}

TEST(ControllerServer, WhoStopsInTheMiddleOfAFrameIsCut) {
  FakeBrain brain;
  ServerOptions hasty = options();
  hasty.frame_limit = std::chrono::milliseconds(20);
  const RunningServer server(brain, hasty);
  RawSocket slow(server.where());
  authenticate(slow, control::Speaker::kClient);
  auto frame = control::encode(control::Command{});
  frame.resize(frame.size() - 1);
  slow.send(frame);
  EXPECT_TRUE(slow.ended());
  EXPECT_TRUE(brain.wait_for(is_happening<control::Disconnected>));
}

TEST(ControllerServer, WhoTricklesIsCut) {
  FakeBrain brain;
  ServerOptions hasty = options();
  hasty.handshake_limit = std::chrono::milliseconds(20);
  hasty.frame_limit = std::chrono::milliseconds(20);
  const RunningServer server(brain, hasty);
  RawSocket greeting(server.where());
  EXPECT_LT(greeting.trickle(), kGreetingBytes);
  RawSocket frame(server.where());
  authenticate(frame, control::Speaker::kClient);
  auto begun = control::encode(control::Submit{{{"x", "", "", "", Payload(50'000)}}});
  begun.resize(control::kFrameHeaderBytes);
  frame.send(begun);
  EXPECT_LT(frame.trickle(), 10'000u);
  EXPECT_TRUE(brain.received<control::Submit>().empty());
}

TEST(ControllerServer, AFrameThatPromisesTooMuchEndsItsConnectionBeforeItComes) {
  FakeBrain brain;
  const RunningServer server(brain, options());
  for (const std::uint32_t size : {0xFFFF'FFFFu, (64u << 20) + 1}) {
    RawSocket greedy(server.where());
    authenticate(greedy, control::Speaker::kClient);
    auto header = control::encode(control::Command{});
    header.resize(control::kFrameHeaderBytes);
    for (std::size_t i = 0; i < 4; ++i) {
      header[control::kFrameHeaderBytes - 4 + i] = static_cast<std::byte>(size >> (8 * i));
    }
    greedy.send(header);
    EXPECT_TRUE(greedy.ended()) << size;
  }
}

TEST(ControllerServer, MoreConnectionsThanItTakesAreRefusedUntilOneEnds) {
  FakeBrain brain;
  ServerOptions narrow = options();
  narrow.connections_max = 2;
  const RunningServer server(brain, narrow);
  auto first = Client::connect(server.where(), kSecret, kPatience);
  ASSERT_TRUE(first.has_value());
  {
    const auto second = Client::connect(server.where(), kSecret, kPatience);
    ASSERT_TRUE(second.has_value());
    EXPECT_FALSE(Client::connect(server.where(), kSecret, kPatience).has_value());
  }
  EXPECT_TRUE(brain.wait_for(is_happening<control::Disconnected>));
  EXPECT_TRUE(first->ask(control::Command{control::Wish::kStatus, 0}, kPatience).has_value());
  const SteadyClock clock;
  const auto deadline = Deadline::after(clock, kPatience);
  bool in = false;
  while (!in && !deadline.passed(clock)) {
    in = Client::connect(server.where(), kSecret, kPatience).has_value();
  }
  EXPECT_TRUE(in);
}

TEST(ControllerServer, ManySilentStrangersKeepNobodyOut) {
  FakeBrain brain;
  ServerOptions small = options();
  small.strangers_max = 3;
  small.handshake_limit = std::chrono::seconds(60);
  const RunningServer server(brain, small);
  std::vector<std::unique_ptr<RawSocket>> silent;
  for (int i = 0; i < 3; ++i) silent.push_back(std::make_unique<RawSocket>(server.where()));
  EXPECT_TRUE(Client::connect(server.where(), kSecret, kPatience).has_value());
  EXPECT_TRUE(silent[0]->ended());
}

TEST(ControllerServer, WhoDoesNotReadIsCut) {
  FakeBrain brain;
  ServerOptions small = options();
  small.queue_bytes_max = 1000;
  const RunningServer server(brain, small);
  RawSocket deaf(server.where());
  authenticate(deaf, control::Speaker::kClient);
  ASSERT_TRUE(brain.wait_for(is_happening<control::Connected>));
  control::RequestDone done;
  done.payload.resize(8'000'000);
  const control::Send send{control::ConnectionId(1), done};
  brain.next_actions(std::vector<control::Action>(4, send));
  EXPECT_TRUE(brain.wait_for(is_happening<control::Disconnected>));
}

TEST(ControllerServer, StopsWhenTheControllerSaysSoAndSendsWhatIsQueued) {
  FakeBrain brain;
  RunningServer server(brain, options());
  auto client = Client::connect(server.where(), kSecret, kPatience).value();
  ASSERT_TRUE(brain.wait_for(is_happening<control::Connected>));
  control::RankLeft last;
  last.payload.resize(3'000'000);
  brain.next_actions({control::Send{control::ConnectionId(1), last}, control::Stop{}});
  const auto received = client.receive(kPatience);
  ASSERT_TRUE(received.has_value()) << received.error().message;
  EXPECT_TRUE(std::holds_alternative<control::RankLeft>(received->value()));
  EXPECT_FALSE(client.receive(kPatience).has_value());
  server.join();
}

}  // namespace
}  // namespace switchyard::net

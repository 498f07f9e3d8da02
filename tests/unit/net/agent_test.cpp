// An agent and a controller's server over real loopback sockets.
#include "runtime/net/agent.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <thread>

#include "runtime/net/client.h"
#include "tests/unit/net/fake_brain.h"
#include "tests/unit/net/tls_world.h"

namespace switchyard::net {
namespace {

constexpr std::chrono::seconds kPatience{10};
const Secret kSecret("a secret of this test alone");

// An engine thread's end of a mailbox: waits for what the agent delivers.
class Engine {
 public:
  Engine() {
    mailbox.on_deliver([this] {
      const std::lock_guard lock(mutex_);
      changed_.notify_all();
    });
  }
  template <class M>
  [[nodiscard]] std::optional<M> wait() {
    std::unique_lock lock(mutex_);
    std::optional<control::Message> message;
    changed_.wait_for(lock, kPatience, [&] { return (message = mailbox.take()).has_value(); });
    if (!message || !std::holds_alternative<M>(*message)) return std::nullopt;
    return std::get<M>(*std::move(message));
  }

  control::Mailbox mailbox;
  Pulse pulse;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

AgentOptions agent_options(const Endpoint& controller, std::uint32_t rank = 1) {
  AgentOptions options;
  options.controller = controller;
  options.secret = kSecret;
  options.facts.rank = RankId(rank);
  options.facts.kind = control::RankKind::kBoth;
  options.facts.host = "here";
  options.heartbeat_interval = std::chrono::milliseconds(5);
  options.backoff = {std::chrono::milliseconds(1), std::chrono::milliseconds(20), 8};
  options.seed = rank;
  return options;
}

ServerOptions server_options() {
  ServerOptions options;
  options.secret = kSecret;
  return options;
}

std::unique_ptr<Agent> start(const AgentOptions& options, Engine& engine) {
  return Agent::start(options, engine.mailbox, engine.pulse, make_null_log()).value();
}

TEST(Agent, RegistersIsWelcomedAndBeats) {
  FakeBrain brain;
  const RunningServer server(brain, server_options());
  Engine engine;
  control::Assign assign;
  assign.id = control::RequestId(7);
  assign.attempt = 1;
  assign.tokens = {5};
  engine.mailbox.deliver(assign);
  ASSERT_TRUE(engine.mailbox.take().has_value());
  engine.mailbox.post(control::Progress{control::RequestId(7), 1, 1, {6}});
  engine.mailbox.post(control::Adopted{Epoch(2)});
  engine.pulse.steps = 41;
  const auto agent = start(agent_options(server.where()), engine);
  const auto welcome = engine.wait<control::Welcome>();
  ASSERT_TRUE(welcome.has_value());
  EXPECT_EQ(welcome->incarnation, control::Incarnation(1));
  EXPECT_EQ(welcome->ranks, 4u);
  const auto who = brain.received<control::Register>().at(0);
  EXPECT_EQ(who.rank, RankId(1));
  EXPECT_EQ(who.host, "here");
  EXPECT_EQ(who.epoch, Epoch(2));
  ASSERT_EQ(who.held.size(), 1u);
  EXPECT_EQ(who.held[0].tokens, (std::vector<std::uint32_t>{5, 6}));
  EXPECT_TRUE(brain.wait_for(is_message<control::Heartbeat>, 3));
  EXPECT_EQ(brain.received<control::Heartbeat>().at(0).steps, 41u);
  EXPECT_TRUE(agent->connected());
}

TEST(Agent, CarriesMessagesBothWays) {
  FakeBrain brain;
  const RunningServer server(brain, server_options());
  Engine engine;
  const auto agent = start(agent_options(server.where()), engine);
  ASSERT_TRUE(engine.wait<control::Welcome>().has_value());
  control::Assign assign;
  assign.id = control::RequestId(9);
  assign.payload.resize(300'000, std::byte{7});
  brain.next_actions({control::Send{control::ConnectionId(1), assign}});
  engine.mailbox.post(control::Adopted{Epoch(4)});
  const auto got = engine.wait<control::Assign>();
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->id, assign.id);
  EXPECT_EQ(got->payload, assign.payload);
  ASSERT_TRUE(brain.wait_for(is_message<control::Adopted>));
  EXPECT_EQ(brain.received<control::Adopted>().at(0).epoch, Epoch(4));
}

// An engine that posts faster than the wire takes it does not keep the rank's heart from beating.
TEST(Agent, BeatsBetweenTheMessagesOfALongMailbox) {
  constexpr std::uint32_t kPosted = 50;
  FakeBrain brain;
  const RunningServer server(brain, server_options());
  Engine engine;
  for (std::uint32_t i = 0; i < kPosted; ++i) {
    engine.mailbox.post(control::Finished{control::RequestId(i), 1, {}, {}});
  }
  AgentOptions options = agent_options(server.where());
  options.heartbeat_interval = Duration(1);  // always due
  const auto agent = start(options, engine);
  ASSERT_TRUE(brain.wait_for(is_message<control::Finished>, kPosted));
  std::uint32_t beats = 0;
  std::uint32_t finished = 0;
  for (const auto& what : brain.happenings<control::Received>()) {
    if (std::holds_alternative<control::Finished>(what.message)) ++finished;
    if (std::holds_alternative<control::Heartbeat>(what.message) && finished < kPosted) ++beats;
  }
  EXPECT_GE(beats, kPosted - 1);
}

// A seat is given once; an agent that left it for a word would come back in a second life.
TEST(Agent, WaitsForItsWelcomeWhateverElseIsSaidToEverybody) {
  FakeBrain brain;
  brain.says_alive_first();
  const RunningServer server(brain, server_options());
  Engine engine;
  const auto agent = start(agent_options(server.where()), engine);
  ASSERT_TRUE(engine.wait<control::Welcome>().has_value());
  EXPECT_EQ(brain.received<control::Register>().size(), 1U);
}

// It lives, its connections stand, and it does nothing: the agent leaves and looks for it again.
TEST(Agent, LeavesAControllerThatHangs) {
  FakeBrain brain;
  const RunningServer server(brain, server_options());
  Engine engine;
  AgentOptions options = agent_options(server.where());
  options.silence_limit = std::chrono::milliseconds(3'000);
  const auto agent = start(options, engine);
  ASSERT_TRUE(engine.wait<control::Welcome>().has_value());
  // While it lives it is heard, though there is nothing to say.
  ASSERT_TRUE(brain.wait_for(is_message<control::Heartbeat>, 200));
  EXPECT_EQ(brain.received<control::Register>().size(), 1U);
  {
    const auto hung = brain.hang();
    const SteadyClock clock;
    const auto patience = Deadline::after(clock, std::chrono::seconds(60));
    while (agent->connected() && !patience.passed(clock)) std::this_thread::yield();
    EXPECT_FALSE(agent->connected());
  }
  ASSERT_TRUE(engine.wait<control::Welcome>().has_value());
  EXPECT_GE(brain.received<control::Register>().size(), 2U);
}

TEST(Agent, SaysItsLastWordsBeforeItStops) {
  FakeBrain brain;
  const RunningServer server(brain, server_options());
  Engine engine;
  const auto agent = start(agent_options(server.where()), engine);
  ASSERT_TRUE(engine.wait<control::Welcome>().has_value());
  control::Finished finished;
  finished.payload.resize(5'000'000);
  engine.mailbox.post(finished);
  engine.mailbox.post(control::Goodbye{{std::byte{1}}});
  agent->stop(kPatience);
  EXPECT_FALSE(agent->connected());
  ASSERT_TRUE(brain.wait_for(is_happening<control::Disconnected>));
  EXPECT_EQ(brain.received<control::Finished>().at(0).payload.size(), 5'000'000u);
  EXPECT_EQ(brain.received<control::Goodbye>().size(), 1u);
}

TEST(Agent, RegistersAgainWithItsIncarnationAfterTheControllerCameBack) {
  FakeBrain first;
  FakeBrain second;
  ServerOptions options = server_options();
  Engine engines[3];
  std::vector<std::unique_ptr<Agent>> agents;
  auto server = std::make_unique<RunningServer>(first, options);
  options.listen = server->where();
  for (std::uint32_t rank = 0; rank < 3; ++rank) {
    agents.push_back(start(agent_options(options.listen, rank), engines[rank]));
    ASSERT_TRUE(engines[rank].wait<control::Welcome>().has_value());
  }
  server.reset();
  for (Engine& engine : engines) engine.mailbox.post(control::Adopted{Epoch(8)});
  server = std::make_unique<RunningServer>(second, options);
  for (Engine& engine : engines) EXPECT_TRUE(engine.wait<control::Welcome>().has_value());
  ASSERT_TRUE(second.wait_for(is_message<control::Adopted>, 3));
  for (const auto& who : second.received<control::Register>()) {
    EXPECT_NE(who.incarnation, control::Incarnation());
  }
}

class AgentUnderTls : public TlsWorld {};

TEST_F(AgentUnderTls, CarriesLargeMessagesBothWaysAndItsLastWords) {
  FakeBrain brain;
  const RunningServer server(brain, TlsWorld::server_options(authority_.issue("controller")));
  Engine engine;
  AgentOptions options = agent_options(server.where());
  options.tls = open(authority_.issue("rank"));
  const auto agent = start(options, engine);
  ASSERT_TRUE(engine.wait<control::Welcome>().has_value());
  control::Assign assign;
  assign.payload.resize(3'000'000, std::byte{7});
  control::Finished finished;
  finished.payload.resize(5'000'000, std::byte{9});
  brain.next_actions({control::Send{control::ConnectionId(1), assign}});
  engine.mailbox.post(finished);
  const auto got = engine.wait<control::Assign>();
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->payload, assign.payload);
  EXPECT_TRUE(brain.wait_for(is_message<control::Heartbeat>, 3));
  engine.mailbox.post(control::Goodbye{{std::byte{1}}});
  agent->stop(kPatience);
  ASSERT_TRUE(brain.wait_for(is_happening<control::Disconnected>));
  EXPECT_EQ(brain.received<control::Finished>().at(0).payload, finished.payload);
  EXPECT_EQ(brain.received<control::Goodbye>().size(), 1u);
}

TEST_F(AgentUnderTls, TakesNewCertificatesWhenItConnectsAgain) {
  FakeBrain first;
  FakeBrain second;
  ServerOptions options = TlsWorld::server_options(authority_.issue("controller"));
  auto server = std::make_unique<RunningServer>(first, options);
  options.listen = server->where();
  Engine engine;
  AgentOptions own = agent_options(options.listen);
  own.tls = open(authority_.issue("rank"));
  const auto agent = start(own, engine);
  ASSERT_TRUE(engine.wait<control::Welcome>().has_value());
  server.reset();
  // Everybody gets a certificate of another authority before the controller is back.
  const tests::TestAuthority next(folder_, "next");
  (void)next.issue("rank");
  write("ca.pem", next.pem());
  options.tls = open(next.issue("controller"));
  server = std::make_unique<RunningServer>(second, options);
  EXPECT_TRUE(engine.wait<control::Welcome>().has_value());
}

TEST(Agent, GivesUpOnceRefused) {
  FakeBrain brain;
  const RunningServer server(brain, server_options());
  brain.next_actions({});
  Engine engine;
  const auto agent = start(agent_options(server.where()), engine);
  ASSERT_TRUE(engine.wait<control::Welcome>().has_value());
  brain.next_actions({control::Send{control::ConnectionId(1), control::Refused{"fenced"}},
                      control::Close{control::ConnectionId(1), "fenced"}});
  const auto refused = engine.wait<control::Refused>();
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->reason, "fenced");
  ASSERT_TRUE(brain.wait_for(is_happening<control::Disconnected>));
  agent->stop(kPatience);
  EXPECT_EQ(brain.received<control::Register>().size(), 1u);
}

// The controller of another cluster, or mpirun with another -n.
TEST(Agent, GivesUpWhereTheClusterHasAnotherSize) {
  FakeBrain brain;  // of four
  const RunningServer server(brain, server_options());
  Engine engine;
  AgentOptions options = agent_options(server.where());
  options.world_ranks = 5;
  const auto agent = start(options, engine);
  const auto refused = engine.wait<control::Refused>();
  ASSERT_TRUE(refused.has_value());
  EXPECT_NE(refused->reason.find("5 ranks"), std::string::npos) << refused->reason;
  EXPECT_NE(refused->reason.find("cluster of 4"), std::string::npos) << refused->reason;
  ASSERT_TRUE(brain.wait_for(is_happening<control::Disconnected>));
  agent->stop(kPatience);
  EXPECT_EQ(brain.received<control::Register>().size(), 1u);
  Engine other;
  options.world_ranks = 4;
  const auto fits = start(options, other);
  EXPECT_TRUE(other.wait<control::Welcome>().has_value());
}

TEST(Agent, StopsAtOnceWithoutAController) {
  Engine engine;
  const auto agent = start(agent_options({"127.0.0.1", 1}), engine);
  engine.mailbox.post(control::Goodbye{});
  agent->stop(std::chrono::milliseconds(20));
  EXPECT_FALSE(agent->connected());
}

TEST(Agent, WithAWrongSecretGetsNothing) {
  FakeBrain brain;
  const RunningServer server(brain, server_options());
  Engine engine;
  AgentOptions options = agent_options(server.where());
  options.secret = Secret("another secret altogether");
  const auto agent = start(options, engine);
  const auto refused = Client::connect(server.where(), options.secret, kPatience);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kPeer);
  EXPECT_FALSE(Client::connect(server.where(), Secret(), kPatience).has_value());
  EXPECT_FALSE(agent->connected());
  EXPECT_FALSE(engine.mailbox.take().has_value());
  EXPECT_TRUE(brain.wait_for(is_happening<control::Tick>));
  EXPECT_TRUE(brain.received<control::Register>().empty());
}

}  // namespace
}  // namespace switchyard::net

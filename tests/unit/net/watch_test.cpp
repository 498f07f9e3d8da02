// A client that watches a real controller over a real socket: it gets every result, however small
// the queue that the server keeps for it.
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "runtime/net/client.h"
#include "runtime/net/controller_server.h"

namespace switchyard::net {
namespace {

constexpr std::size_t kRequests = 400;
constexpr std::size_t kResultBytes = 10'000;
constexpr Duration kPatience = std::chrono::seconds(10);

// A router and an expert rank that did the requests and are gone.
void play(control::Controller& controller) {
  const SteadyClock clock;
  std::vector<control::Message> said;
  const auto handle = [&](control::Happening happening) {
    for (control::Action& action : controller.handle(std::move(happening), clock.now())) {
      if (auto* send = std::get_if<control::Send>(&action))
        said.push_back(std::move(send->message));
    }
  };
  const control::ConnectionId client(1'000'000);
  handle(control::Connected{client, control::PeerKind::kClient});
  for (const std::uint32_t r : {0U, 1U}) {
    const control::ConnectionId agent(1'000'001 + r);
    handle(control::Connected{agent, control::PeerKind::kAgent});
    control::Register asks;
    asks.rank = RankId(r);
    asks.kind = r == 0 ? control::RankKind::kRouter : control::RankKind::kExpert;
    asks.model = {1, 2, 1, "tiny"};
    handle(control::Received{agent, asks});
  }
  handle(control::Received{control::ConnectionId(1'000'002), control::Prepared{Epoch(1), {}}});
  control::Submit wish;
  wish.requests.resize(kRequests);
  handle(control::Received{client, wish});
  for (const control::Message& message : std::vector<control::Message>(said)) {
    const auto* given = std::get_if<control::Assign>(&message);
    if (given == nullptr) continue;
    handle(control::Received{
        control::ConnectionId(1'000'001),
        control::Finished{given->id, 1, {}, std::vector<std::byte>(kResultBytes)}});
  }
}

TEST(Watch, ABacklogBeyondTheQueueArrivesWhole) {
  control::ControllerOptions options;
  options.ranks = 2;
  options.watch_window_bytes = std::size_t{64} << 10;
  control::Controller controller(options);
  play(controller);
  ServerOptions served;
  served.listen = {"127.0.0.1", 0};
  served.queue_bytes_max = std::size_t{256} << 10;  // the backlog has 4 MB
  auto server =
      ControllerServer::create(served, brain_of(controller), std::nullopt, make_null_log()).value();
  std::thread thread([&] { server->run(); });
  auto client = Client::connect(server->listening(), Secret(), kPatience).value();
  ASSERT_TRUE(client.send(control::Command{control::Wish::kWatch, 0}, kPatience));
  std::set<control::RequestId> got;
  while (got.size() < kRequests) {
    const auto message = client.receive(kPatience);
    if (!message || !*message) {
      ADD_FAILURE() << (message ? "nothing more comes" : message.error().message);
      break;
    }
    if (const auto* done = std::get_if<control::RequestDone>(&**message)) {
      EXPECT_EQ(done->payload.size(), kResultBytes);
      EXPECT_TRUE(got.insert(done->id).second);
    }
  }
  EXPECT_EQ(got.size(), kRequests);
  server->stop();
  thread.join();
}

}  // namespace
}  // namespace switchyard::net

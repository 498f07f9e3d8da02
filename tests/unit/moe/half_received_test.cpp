// What becomes of an inbox whose router stopped or died while it sent.
#include <gtest/gtest.h>

#include <set>

#include "comm/worlds.h"
#include "runtime/moe/expert_server.h"
#include "tests/unit/moe/forwarding_transport.h"
#include "tests/unit/moe/plane_world.h"

namespace switchyard::moe::test {
namespace {

// A world in which messages stop half-way when the test says so, and end when it says so.
class Halting final : public tests::ForwardingTransport {
 public:
  using ForwardingTransport::ForwardingTransport;

  void halt_next() { halts_ = true; }
  // The senders have gone on: nothing is written any more.
  void end_all() { open_.clear(); }

  Result<void> receive(const comm::Arrival& arrival, MutableBytes into) override {
    EXPECT_FALSE(open_.contains(into.data())) << "the transport still writes there";
    SY_TRY(ForwardingTransport::receive(arrival, into));
    if (!std::exchange(halts_, false)) return {};
    open_.insert(into.data());
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "it stopped in the middle of a message");
  }
  bool receive_over(const std::byte* into) override { return !open_.contains(into); }

 private:
  std::set<const std::byte*> open_;
  bool halts_ = false;
};

// Rank 0 routes and rank 1 serves; every dispatch is of an old epoch, so that its answer, a
// refusal, needs no experts.
class HalfReceived : public testing::Test {
 protected:
  static constexpr std::size_t kInboxes = 2;
  static constexpr Duration kLostWait = std::chrono::seconds(1);

  HalfReceived() {
    auto world = comm::make_local_world(2, {});
    router_ = std::move(world[0]);
    halting_ = std::make_unique<Halting>(std::move(world[1]));
    kernels::DeviceOptions on_device;
    on_device.precision = kernels::Precision::kFp32;
    device_ = kernels::make_device("cpu", on_device).value();
    ExpertServerOptions options;
    options.shape = shape_;
    options.routers = {RankId(0)};
    options.oldest_epoch = Epoch(5);
    options.inboxes_per_micro_batch = kInboxes;
    options.lost_wait = kLostWait;
    server_ = ExpertServer::create(options, *device_, store_, *halting_, clock_, counters_).value();
  }

  void send_dispatch() {
    const std::vector<WirePair> pairs{{0, 0}};
    const auto size = shape_.dispatch_bytes(1, pairs.size());
    auto& message = messages_.emplace_back(size.sum());
    write_dispatch_head(shape_, ExchangeKey{Epoch(1), 0, 0, ++step_}, pairs, 1,
                        std::span(message).first(size.head));
    ASSERT_TRUE(router_->send(RankId(1), comm::Channel::kDispatch, message));
  }
  void halt_a_dispatch() {
    halting_->halt_next();
    ASSERT_NO_FATAL_FAILURE(send_dispatch());
    const auto progress = server_->progress();
    ASSERT_TRUE(progress) << progress.error().message;
  }
  // The step of the answer that the router gets now; 0 where there is none.
  [[nodiscard]] std::uint64_t answered_step() {
    const auto arrival = router_->probe(comm::Channel::kCombine).value();
    if (!arrival) return 0;
    std::vector<std::byte> message(arrival->bytes);
    EXPECT_TRUE(router_->receive(*arrival, message));
    return read_answer(shape_, message).value().key.step;
  }

  WireShape shape_{kHidden, kLayers, kExperts, 4, 8, 1, DType::kF32, DType::kF32};
  std::vector<std::vector<std::byte>> messages_;  // outlive the transport that sends them
  TickingClock clock_;
  Counters counters_{2};
  ExpertStore store_{kLayers, kExperts};
  std::unique_ptr<kernels::Device> device_;
  std::unique_ptr<comm::Transport> router_;
  std::unique_ptr<Halting> halting_;
  std::unique_ptr<ExpertServer> server_;
  std::uint64_t step_ = 0;
};

// A router may be stopped in the middle of a message as often as it likes.
TEST_F(HalfReceived, AnInboxIsUsedAgainOnceItsMessageHasEnded) {
  for (std::size_t stop = 0; stop < 4 * kInboxes; ++stop) {
    ASSERT_NO_FATAL_FAILURE(halt_a_dispatch());
    halting_->end_all();
    ASSERT_NO_FATAL_FAILURE(send_dispatch());
    const auto progress = server_->progress();
    ASSERT_TRUE(progress) << "stop " << stop << ": " << progress.error().message;
    ASSERT_EQ(answered_step(), step_);
  }
}

// While its sender may go on, nothing else is received there; the other inbox serves.
TEST_F(HalfReceived, AnInboxIsLeftAloneWhileItsMessageMayGoOn) {
  ASSERT_NO_FATAL_FAILURE(halt_a_dispatch());
  for (int round = 0; round < 5; ++round) {
    ASSERT_NO_FATAL_FAILURE(send_dispatch());
    ASSERT_TRUE(server_->progress());
    ASSERT_EQ(answered_step(), step_);
  }
}

// With every inbox lost a dispatch waits for the first that is over.
TEST_F(HalfReceived, ADispatchWaitsForAnInboxThatIsLost) {
  for (std::size_t i = 0; i < kInboxes; ++i) ASSERT_NO_FATAL_FAILURE(halt_a_dispatch());
  ASSERT_NO_FATAL_FAILURE(send_dispatch());
  const auto waits = server_->progress();
  ASSERT_TRUE(waits) << waits.error().message;
  EXPECT_EQ(answered_step(), 0U);
  halting_->end_all();
  ASSERT_TRUE(server_->progress());
  EXPECT_EQ(answered_step(), step_);
}

// Not for ever: a router that was killed in between ends none of its messages.
TEST_F(HalfReceived, TheWaitForALostInboxHasAnEnd) {
  for (std::size_t i = 0; i < kInboxes; ++i) ASSERT_NO_FATAL_FAILURE(halt_a_dispatch());
  ASSERT_NO_FATAL_FAILURE(send_dispatch());
  ASSERT_TRUE(server_->progress());
  clock_.pass(kLostWait);
  const auto over = server_->progress();
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::kPeer);
  EXPECT_EQ(over.error().message, "router rank 0 left 2 of its 2 dispatches half sent");
}

}  // namespace
}  // namespace switchyard::moe::test

// How often the host waits for the GPU while tokens are decoded: once a layer and micro-batch, for
// the experts that its gate has chosen, and once a step, for the token. Everything else is queued.
// Rows can move in each of these waits.
#include <gtest/gtest.h>

#include "comm/worlds.h"
#include "runtime/engine/session.h"
#include "tests/cuda_emulation/control.h"
#include "tests/gpu/small_model.h"
#include "tests/unit/moe/forwarding_transport.h"

namespace switchyard::tests {
namespace {

using engine::Session;

constexpr std::size_t kLayers = 3;
constexpr std::size_t kExperts = 8;
constexpr std::uint32_t kTokens = 8;
constexpr std::uint32_t kFirstWatched = 2;
constexpr std::uint32_t kLastWatched = 7;

// Two sequences that are decoded together.
engine::Job two_sequences() {
  engine::Job job;
  job.routing = "topk:k=2";
  for (std::uint32_t i = 0; i < 2; ++i) {
    engine::SequenceRequest request;
    request.id = SequenceId(i);
    request.tokens.assign(3 + i, 1 + i);
    request.max_tokens = kTokens;
    job.sequences.push_back(request);
  }
  return job;
}

// The device waits with a deadline, by asking after an event of its own.
std::uint64_t waits_so_far() {
  const auto counters = cuda_emulation::counters();
  return counters.host_waits + counters.polled_waits;
}

// Counts how often it was asked to get on with what is on its way.
class Asked final : public ForwardingTransport {
 public:
  using ForwardingTransport::ForwardingTransport;

  Result<void> progress() override {
    ++times_;
    return ForwardingTransport::progress();
  }
  [[nodiscard]] std::uint64_t times() const noexcept { return times_; }

 private:
  std::uint64_t times_ = 0;
};

// Counts between two of the first sequence's tokens.
class Watch final : public engine::Observer {
 public:
  explicit Watch(const Asked& transport) : transport_(transport) {}
  void on_token(const engine::SequenceRequest& request, std::uint32_t /*token*/) override {
    if (request.id != SequenceId(0)) return;
    note_wait();
    ++tokens_;
    if (tokens_ == kFirstWatched) before_ = waits_so_far();
    if (tokens_ == kLastWatched) waits_ = waits_so_far() - before_;
  }
  void on_routed(const engine::RoutedRows& /*rows*/) override { note_wait(); }
  [[nodiscard]] std::uint64_t waits() const noexcept { return waits_; }
  // Waits in which the transport was never asked.
  [[nodiscard]] std::uint64_t idle_waits() const noexcept { return idle_waits_; }

 private:
  void note_wait() {
    if (transport_.times() == asked_) ++idle_waits_;
    asked_ = transport_.times();
  }

  const Asked& transport_;
  std::uint64_t asked_ = 0;
  std::uint64_t idle_waits_ = 0;
  std::uint32_t tokens_ = 0;
  std::uint64_t before_ = 0;
  std::uint64_t waits_ = 0;
};

Result<void> decode(comm::Transport& transport, Watch& watch) {
  const SteadyClock clock;
  const engine::StopSignals signals;
  engine::ClusterOptions options;
  options.device_name = "cuda";
  options.micro_batches = 1;
  Session session(options, transport, clock, signals, make_null_log());
  SY_TRY(session.open(small_model(kLayers, kExperts), [](std::size_t, std::size_t) {}));
  SY_TRY(session.run(two_sequences(), Session::Spread::kAllRouters, &watch,
                     [](const engine::JobProgress&) {}));
  SY_TRY(session.close());
  return transport.finalize(Deadline::after(clock, std::chrono::seconds(60)));
}

constexpr std::uint64_t kStepsWatched = kLastWatched - kFirstWatched;

TEST(HostWaits, AreOneALayerAndOneForTheToken) {
  cuda_emulation::reset();
  auto world = comm::make_local_world(1, {});
  Asked transport(std::move(world.front()));
  Watch watch(transport);
  const auto decoded = decode(transport, watch);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
  EXPECT_EQ(watch.waits(), kStepsWatched * (kLayers + 1));
  EXPECT_EQ(watch.idle_waits(), 0U);
}

}  // namespace
}  // namespace switchyard::tests

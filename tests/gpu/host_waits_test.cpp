// How often the host waits for the GPU while tokens are decoded: once a layer and micro-batch, for
// the experts that its gate has chosen, and once a step, for the token. Everything else is queued.
#include <gtest/gtest.h>

#include "comm/worlds.h"
#include "runtime/engine/session.h"
#include "tests/cuda_emulation/control.h"
#include "tests/gpu/small_model.h"

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

// Counts between two of the first sequence's tokens.
class Watch final : public engine::Observer {
 public:
  void on_token(const engine::SequenceRequest& request, std::uint32_t /*token*/) override {
    if (request.id != SequenceId(0)) return;
    ++tokens_;
    if (tokens_ == kFirstWatched) before_ = waits_so_far();
    if (tokens_ == kLastWatched) waits_ = waits_so_far() - before_;
  }
  [[nodiscard]] std::uint64_t waits() const noexcept { return waits_; }

 private:
  std::uint32_t tokens_ = 0;
  std::uint64_t before_ = 0;
  std::uint64_t waits_ = 0;
};

Result<std::uint64_t> decode(comm::Transport& transport) {
  const SteadyClock clock;
  const engine::StopSignals signals;
  engine::ClusterOptions options;
  options.device_name = "cuda";
  options.micro_batches = 1;
  Session session(options, transport, clock, signals, make_null_log());
  Watch watch;
  SY_TRY(session.open(small_model(kLayers, kExperts), [](std::size_t, std::size_t) {}));
  SY_TRY(session.run(two_sequences(), Session::Spread::kAllRouters, &watch,
                     [](const engine::JobProgress&) {}));
  SY_TRY(session.close());
  SY_TRY(transport.finalize(Deadline::after(clock, std::chrono::seconds(60))));
  return watch.waits();
}

constexpr std::uint64_t kStepsWatched = kLastWatched - kFirstWatched;

TEST(HostWaits, AreOneALayerAndOneForTheToken) {
  cuda_emulation::reset();
  const auto world = comm::make_local_world(1, {});
  const auto waits = decode(*world.front());
  ASSERT_TRUE(waits.has_value()) << waits.error().message;
  EXPECT_EQ(*waits, kStepsWatched * (kLayers + 1));
}

}  // namespace
}  // namespace switchyard::tests

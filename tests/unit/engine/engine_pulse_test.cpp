// Signs of life during a step: whoever has to give them is called before each layer.
#include <gtest/gtest.h>

#include "comm/worlds.h"
#include "runtime/engine/rank_parts.h"
#include "runtime/engine/session.h"

namespace switchyard::engine {
namespace {

constexpr std::size_t kLayers = 3;

model::ModelConfig small_config() {
  model::ModelConfig config;
  config.family = "mixtral";
  config.vocab = 64;
  config.hidden = 32;
  config.layers = kLayers;
  config.heads = 2;
  config.kv_heads = 1;
  config.head_size = 16;
  config.context_max = 64;
  config.experts = 4;
  config.experts_per_token = 2;
  config.expert_inner = 32;
  config.moe_layer.assign(kLayers, true);
  return config;
}

class EnginePulse : public ::testing::Test {
 protected:
  void SetUp() override {
    ClusterOptions options;
    options.device.threads = 1;
    auto parts = make_rank_parts(options, *source_, *world_.front(), clock_, abandon_,
                                 [](std::size_t, std::size_t) {});
    ASSERT_TRUE(parts.has_value()) << parts.error().message;
    parts_ = std::move(*parts);
    auto router = routing::make_router("topk:k=2", convention_of(small_config()), {});
    ASSERT_TRUE(router.has_value()) << router.error().message;
    engine().set_router(std::move(*router));
    SequenceRequest request;
    request.id = SequenceId(0);
    request.tokens = {1, 2, 3};
    request.max_tokens = 2;
    ASSERT_TRUE(engine().submit(std::move(request)).has_value());
  }
  Engine& engine() { return *parts_.engine; }

  SteadyClock clock_;
  std::atomic<bool> abandon_{false};
  std::vector<std::unique_ptr<comm::Transport>> world_ = comm::make_local_world(1, {});
  std::unique_ptr<model::WeightSource> source_ = model::make_random_weights(small_config(), 1);
  RankParts parts_;
};

TEST_F(EnginePulse, ComesBeforeEachLayerOfEachStep) {
  std::size_t pulses = 0;
  engine().set_pulse([&]() -> Result<void> {
    ++pulses;
    return {};
  });
  for (std::size_t step = 1; step <= 2; ++step) {
    const auto worked = engine().step();
    ASSERT_TRUE(worked.has_value()) << worked.error().message;
    EXPECT_TRUE(*worked);
    EXPECT_EQ(pulses, step * kLayers);
  }
  engine().set_pulse(nullptr);
  EXPECT_TRUE(engine().step().has_value());
  EXPECT_EQ(pulses, 2 * kLayers);
}

TEST_F(EnginePulse, ItsErrorEndsTheStep) {
  engine().set_pulse([]() -> Result<void> { return fail(ErrorCode::kPeer, "nobody listens"); });
  const auto worked = engine().step();
  ASSERT_FALSE(worked.has_value());
  EXPECT_EQ(worked.error().message, "nobody listens");
}

}  // namespace
}  // namespace switchyard::engine

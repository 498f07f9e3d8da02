#include "runtime/engine/rank_sizes.h"

#include <gtest/gtest.h>

namespace switchyard::engine {
namespace {

model::ModelConfig long_model() {
  model::ModelConfig config;
  config.layers = 4;
  config.kv_heads = 8;
  config.head_size = 128;
  config.context_max = 16'777'216;
  return config;
}

TEST(KvSize, IsWhatTheLimitLeavesOfTheFullContexts) {
  ClusterOptions options;
  const auto by_default = kv_size(options, long_model()).value();
  EXPECT_EQ(by_default.page_bytes, 2U * 4 * 8 * 128 * kernels::kKvPageTokens * 2);
  EXPECT_LE(by_default.pages * by_default.page_bytes, std::size_t{4} << 30);
  EXPECT_GT((by_default.pages + 1) * by_default.page_bytes, std::size_t{4} << 30);
  options.kv_bytes_max = std::size_t{64} << 20;
  EXPECT_LE(kv_size(options, long_model())->pages * by_default.page_bytes, std::size_t{64} << 20);
  options.limits.context = 1000;
  options.limits.sequences_max = 2;
  EXPECT_EQ(kv_size(options, long_model())->pages, 2 * KvPages::pages_for(1000));
  options.kv_bytes_max = 1;
  EXPECT_EQ(kv_size(options, long_model()).error().code, ErrorCode::kLimit);
}

// Tables over positions are made for what a sequence can have, not for what a model boasts of.
TEST(PositionsMax, IsBoundedByTheCache) {
  EngineOptions options;
  options.limits.context = 16'777'216;
  options.kv_pages = 10;
  EXPECT_EQ(positions_max(options), 10 * kernels::kKvPageTokens);
  options.limits.context = 100;
  EXPECT_EQ(positions_max(options), 100U);
}

}  // namespace
}  // namespace switchyard::engine

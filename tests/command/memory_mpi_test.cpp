// What a rank takes: its share of the weights, packed once, its KV cache and 200 MiB.
#include <gtest/gtest.h>

#include "tests/command/exactness_rows.h"
#include "tests/command/hollow_model.h"

namespace switchyard::tests {
namespace {

// A rank reads its experts and not the others'.
TEST(MemoryOverMpi, EachWeightIsReadByOneRank) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  const auto alone = run_alone(exactness_run(prompts, {}));
  const auto outcome = run_under_mpi(4, exactness_run(prompts, {}));
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const double all_read = alone.json()["report"]["ranks"][0]["weight_bytes_read"];
  const auto report = outcome.json()["report"];
  ASSERT_EQ(report["ranks"].size(), 4U);
  double read = 0;
  for (const auto& rank : report["ranks"]) {
    const double own = rank["weight_bytes_read"];
    read += own;
    EXPECT_LT(own, 0.6 * all_read) << rank;
  }
  EXPECT_EQ(read, all_read);
}

// Every share is above 290 MiB: a second copy of it, or another rank's, would break the bound, and
// so would pages of the checkpoint that stay mapped in.
TEST(MemoryOverMpi, OfARankIsItsShareAndLittleMore) {
  constexpr double kMiB = 1024.0 * 1024;
  constexpr double kBesideMax = 200 * kMiB;
  const ScratchFolder scratch;
  const auto model = make_hollow_model(scratch);
  const auto prompts = exactness_prompts(scratch);
  const Arguments layout{"--model", model.path, "--kv-mib", "32", "--context", "512"};
  auto arguments = layout;
  arguments.insert(arguments.end(), {"--max-tokens", "2", "--routing", "topk:k=2"});
  const auto outcome = run_under_mpi(3, exactness_run(prompts, arguments));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  Arguments inspect{"inspect", "--ranks", "3", "--json"};
  inspect.insert(inspect.end(), layout.begin(), layout.end());
  const auto inspected = run_alone(inspect);
  ASSERT_EQ(inspected.exit_code, 0) << inspected.err;
  const auto report = outcome.json()["report"];
  const auto forecast = inspected.json()["ranks"];
  ASSERT_EQ(report["ranks"].size(), 3U);
  ASSERT_EQ(forecast.size(), 3U);
  for (std::size_t r = 0; r < 3; ++r) {
    const auto& rank = report["ranks"][r];
    SCOPED_TRACE(rank.dump());
    const auto stored = static_cast<double>(r == 0 ? model.router_bytes : model.expert_bytes / 2);
    ASSERT_GT(stored, 280 * kMiB);
    EXPECT_EQ(rank["weight_bytes_read"], stored);
    const double packed = rank["router_bytes"].get<double>() + rank["expert_bytes"].get<double>();
    EXPECT_NEAR(packed, stored, 0.05 * stored);
    const double kv = rank["kv_bytes"];
    EXPECT_LE(kv, 32 * kMiB);
    EXPECT_LT(rank["rss_peak_bytes"].get<double>(), stored + kv + kBesideMax);
    EXPECT_EQ(forecast[r]["kv_bytes"], rank["kv_bytes"]);
    EXPECT_NEAR(forecast[r]["weight_bytes"].get<double>(), packed, 0.01 * packed);
  }
}

}  // namespace
}  // namespace switchyard::tests

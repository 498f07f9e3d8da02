// The gates' losses over processes are those of one process, whichever router saw the tokens.
#include <gtest/gtest.h>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

TEST(GateReportOverMpi, EqualsOneProcess) {
  const ScratchFolder scratch;
  const auto prompts = scratch.write("prompts.jsonl",
                                     "{\"prompt\": \"The captain said\"}\n"
                                     "{\"prompt\": \"Once upon a time\"}\n");
  const Arguments arguments{"generate",
                            "--preset",
                            "demo",
                            "--prompts",
                            prompts,
                            "--set",
                            "routing.aux_losses=true",
                            "--max-tokens",
                            "6",
                            "--json",
                            "--quiet"};
  const auto alone = run_alone(arguments);
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  auto two_routers = arguments;
  two_routers.insert(two_routers.end(), {"--routers", "2"});
  const auto outcome = run_under_mpi(3, two_routers);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto expected = alone.json()["report"];
  const auto report = outcome.json()["report"];
  ASSERT_EQ(report["layers"].size(), expected["layers"].size());
  for (std::size_t layer = 0; layer < expected["layers"].size(); ++layer) {
    for (const char* key : {"routing_entropy", "balance_loss", "z_loss"}) {
      ASSERT_TRUE(report["layers"][layer].contains(key)) << key;
      // Sums in another order.
      EXPECT_NEAR(report["layers"][layer][key].get<double>(),
                  expected["layers"][layer][key].get<double>(), 1e-9)
          << key << " of layer " << layer;
    }
  }
  EXPECT_GT(report["routing_entropy"], 0.0);
}

}  // namespace
}  // namespace switchyard::tests

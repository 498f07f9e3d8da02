// routing.aux_losses is honoured by every command that runs a policy; what was not measured has no
// key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kGateLine = "gate          routing entropy";

Arguments with(Arguments arguments, const Arguments& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

const Arguments kAuxLosses{"--set", "routing.aux_losses=true"};

Arguments short_run(const ScratchFolder& scratch, const std::string& command) {
  Arguments arguments{command, "--preset", "demo", "--prompt", "The captain said", "--quiet"};
  if (command != "generate") arguments.insert(arguments.end(), {"--out", scratch.path("out")});
  if (command != "logits") arguments.insert(arguments.end(), {"--max-tokens", "4"});
  return arguments;
}

TEST(GateReport, HasNoKeyForWhatWasNotMeasured) {
  const ScratchFolder scratch;
  for (const char* command : {"generate", "logits"}) {
    const auto outcome = run_alone(with(short_run(scratch, command), {"--json"}));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto report = outcome.json()["report"];
    EXPECT_FALSE(report.contains("routing_entropy")) << command;
    ASSERT_FALSE(report["layers"].empty());
    for (const char* key : {"routing_entropy", "balance_loss", "z_loss"}) {
      EXPECT_FALSE(report["layers"][0].contains(key)) << command << " " << key;
    }
  }
}

TEST(GateReport, HasTheLossesWhereTheyAreAskedFor) {
  const ScratchFolder scratch;
  for (const char* command : {"generate", "logits"}) {
    const auto outcome = run_alone(with(with(short_run(scratch, command), kAuxLosses), {"--json"}));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto report = outcome.json()["report"];
    EXPECT_GT(report["routing_entropy"], 0.0) << command;
    EXPECT_LT(report["routing_entropy"], 1.0) << command;
    ASSERT_FALSE(report["layers"].empty());
    for (const auto& layer : report["layers"]) {
      EXPECT_GT(layer["balance_loss"], 0.0) << command;
      EXPECT_GT(layer["z_loss"], 0.0) << command;
    }
  }
}

TEST(GateReport, ShowsTheLineToPeopleOnlyThen) {
  const ScratchFolder scratch;
  for (const char* command : {"generate", "logits", "trace"}) {
    const auto plain = run_alone(short_run(scratch, command));
    ASSERT_EQ(plain.exit_code, 0) << plain.err;
    EXPECT_THAT(plain.out, Not(HasSubstr(kGateLine))) << command;
    const auto asked = run_alone(with(short_run(scratch, command), kAuxLosses));
    ASSERT_EQ(asked.exit_code, 0) << asked.err;
    EXPECT_THAT(asked.out, HasSubstr(kGateLine)) << command;
  }
}

}  // namespace
}  // namespace switchyard::tests

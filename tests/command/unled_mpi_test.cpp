// Without a controller a run works as ever and says what it lacks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Arguments short_run(const Arguments& extra) {
  Arguments arguments{"generate", "--preset", "demo", "--prompt", "The sea", "--max-tokens", "4"};
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  return arguments;
}

TEST(UnledWorld, SaysThatADeathEndsTheRun) {
  const auto outcome = run_under_mpi(2, short_run({}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("no controller: the view is fixed"));
  EXPECT_THAT(outcome.err, HasSubstr("switchyard launch"));
  EXPECT_THAT(run_under_mpi(2, short_run({"--quiet"})).err, Not(HasSubstr("no controller")));
}

TEST(UnledWorld, NamesSettingsThatItCannotHonour) {
  const auto outcome = run_under_mpi(3, short_run({"--spares", "1", "--quiet"}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("cluster.spares (--spares) is '1', which only"));
  const auto alone = run_alone(short_run({"--residency", "eu/gdpr=eu-west"}));
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  EXPECT_THAT(alone.err, HasSubstr("cluster.residency (--residency)"));
  const auto many = run_alone(short_run({"--loss", "mask", "--rebalance", "active", "--spawns", "2",
                                         "--set", "cluster.attempts_max=9", "--spares", "0"}));
  ASSERT_EQ(many.exit_code, 0) << many.err;
  for (const char* key : {"cluster.loss (--loss) is 'mask'", "cluster.rebalance (--rebalance)",
                          "cluster.spawns (--spawns)", "cluster.attempts_max"}) {
    EXPECT_THAT(many.err, HasSubstr(key));
  }
  EXPECT_THAT(many.err, Not(HasSubstr("cluster.spares")));  // as by default
  EXPECT_THAT(run_alone(short_run({})).err, Not(HasSubstr("ignored here")));
}

}  // namespace
}  // namespace switchyard::tests

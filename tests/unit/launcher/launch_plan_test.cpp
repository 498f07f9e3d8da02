#include "launcher/launch/launch_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace switchyard::launcher {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

LaunchPlaces places() {
  LaunchPlaces places;
  places.program = "switchyard";
  places.directory = "/run/here";
  places.controller = {"127.0.0.1", 7070};
  places.admin = net::Endpoint{"127.0.0.2", 7071};
  places.admin_token_file = "/run/here/admin-token";
  return places;
}

// The word behind `flag`; empty where it is not there.
std::string after(const std::vector<std::string>& words, const std::string& flag) {
  const auto found = std::ranges::find(words, flag);
  return found == words.end() ? std::string() : *(found + 1);
}

TEST(LaunchPlan, TheControllerIsToldWhereHttpListensAndWhereItsTokenIs) {
  const auto words = controller_words({}, {}, places());
  EXPECT_EQ(after(words, "--admin-listen"), "127.0.0.2");
  EXPECT_EQ(after(words, "--admin-port"), "7071");
  EXPECT_EQ(after(words, "--admin-token-file"), "/run/here/admin-token");
  EXPECT_EQ(after(words, "--secret-file"), "/run/here/secret");
  EXPECT_THAT(words, Not(Contains("--no-admin")));
}

TEST(LaunchPlan, NoHttpIsSaidToTheController) {
  auto silent = places();
  silent.admin.reset();
  const auto words = controller_words({}, {}, silent);
  EXPECT_THAT(words, Contains("--no-admin"));
  EXPECT_THAT(words, Not(Contains(HasSubstr("--admin-"))));
}

TEST(LaunchPlan, RanksHearOfTheSecretAndNotOfTheToken) {
  LaunchFlags flags;
  flags.ranks = 3;
  for (const auto& words :
       {mpirun_words(flags, {}, places()), late_rank_words(flags, {}, places(), 2)}) {
    EXPECT_THAT(words, IsSupersetOf({"--controller", "127.0.0.1:7070", "--secret-file"}));
    EXPECT_THAT(words, Not(Contains(HasSubstr("admin"))));
  }
}

}  // namespace
}  // namespace switchyard::launcher

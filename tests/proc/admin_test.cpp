// The admin port of a launched cluster over real HTTP: nobody without the token changes anything,
// pages of a browser do not either, and of two changes at once the second has to wait.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include "tests/proc/http_get.h"
#include "tests/proc/launched_cluster.h"
#include "tests/proc/much_work.h"

namespace switchyard::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kJson = "Content-Type: application/json\r\n";

bool serves(const json& status) {
  return status["view"].is_object() && status["requests"]["open"] > 0;
}

// No change under way or asked for; `experts` expert ranks.
auto rests_with(std::size_t experts) {
  return [experts](const json& status) {
    std::size_t held = 0;
    for (const auto& member : status["view"]["members"]) held += member["expert"] == true ? 1 : 0;
    return held == experts && status["transaction"].is_null();
  };
}

json run_file(const LaunchedCluster& cluster) {
  return json::parse(cluster.log("run.json"), nullptr, false);
}

struct Admin : ::testing::Test {
  ScratchFolder scratch;
  Arguments arguments = much_work(scratch);
  json baseline;

  void SetUp() override {
    const auto alone = run_alone(arguments);
    ASSERT_EQ(alone.exit_code, 0) << alone.err;
    baseline = alone.json()["sequences"];
  }

  static void expect_owners_alone(const std::string& file) {
    struct stat about {};
    ASSERT_EQ(::stat(file.c_str(), &about), 0) << file;
    EXPECT_EQ(about.st_mode & 0777, 0600U) << file;
  }
  void expect_same_texts(LaunchedCluster& cluster) const {
    const auto outcome = cluster.finish();
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
    EXPECT_EQ(outcome.json()["sequences"], baseline);
    EXPECT_EQ(outcome.json()["report"]["conserved"], true);
  }
};

TEST_F(Admin, WithoutTheTokenNothingChanges) {
  LaunchedCluster cluster({"-n", "4"}, arguments);
  const auto before = cluster.await(serves);
  ASSERT_TRUE(before) << cluster.log("controller.log");
  const auto run = run_file(cluster);
  const std::string admin = run.value("admin", "");
  const std::string token = cluster.log("admin-token");
  EXPECT_EQ(token.size(), 64U);
  EXPECT_NE(token, cluster.log("secret"));
  expect_owners_alone(run.value("admin_token_file", ""));
  EXPECT_EQ(read_file(run.value("admin_token_file", "")), token);
  // Other users see what processes are called with.
  const auto called = read_file("/proc/" + std::to_string(cluster.controller()) + "/cmdline");
  EXPECT_THAT(called, HasSubstr("--admin-token-file"));
  EXPECT_THAT(called, Not(HasSubstr(token)));

  const std::string body = R"({"rank": 3})";
  std::string other = token;
  other.back() = other.back() == '0' ? '1' : '0';
  for (const auto& fields : {kJson, kJson + bearer("x"), kJson + bearer(other)}) {
    EXPECT_EQ(http_ask(admin, {"/v1/drain", "POST", fields, body}).status, 401) << fields;
    EXPECT_EQ(http_ask(admin, {"/v1/cluster", "GET", bearer("x"), ""}).status, 401);
  }
  // With it, but as a page of a browser would ask.
  for (const char* type : {"", "Content-Type: text/plain\r\n"}) {
    EXPECT_EQ(http_ask(admin, {"/v1/drain", "POST", bearer(token) + type, body}).status, 415);
    EXPECT_EQ(http_ask(admin, {"/v1/rebalance", "POST", bearer(token) + type, ""}).status, 415);
  }
  const std::string page = bearer(token) + kJson + "Origin: http://elsewhere.example\r\n";
  EXPECT_EQ(http_ask(admin, {"/v1/drain", "POST", page, body}).status, 403);
  // Probes have none.
  for (const char* path : {"/healthz", "/readyz", "/metrics"}) {
    EXPECT_EQ(http_ask(admin, {path}).status, 200) << path;
  }
  const auto after = cluster.status();
  ASSERT_TRUE(after.is_object()) << "the run was over too soon";
  EXPECT_EQ(after["view"]["epoch"], (*before)["view"]["epoch"]);
  EXPECT_TRUE(rests_with(3)(after)) << after["transaction"];
  expect_same_texts(cluster);
  EXPECT_EQ(count_events(cluster.events(), "admin_command"), 0U);
  EXPECT_EQ(count_events(cluster.events(), "drain_asked"), 0U);
}

TEST_F(Admin, WithTheTokenOneChangeAtATimeIsMade) {
  const auto token_file = scratch.path("token");
  LaunchedCluster cluster(
      {"-n", "4", "--admin-listen", "127.0.0.2", "--admin-token-file", token_file}, arguments);
  ASSERT_TRUE(cluster.await(serves)) << cluster.log("controller.log");
  expect_owners_alone(token_file);
  const std::string admin = run_file(cluster).value("admin", "");
  EXPECT_THAT(admin, StartsWith("127.0.0.2:"));
  const std::string fields = kJson + bearer(read_file(token_file));
  const auto answers = http_ask(admin, {{"/v1/drain", "POST", fields, R"({"rank": 3})"},
                                        {"/v1/rebalance", "POST", fields, ""},
                                        {"/v1/scale", "POST", fields, R"({"expert_ranks": 1})"}});
  EXPECT_EQ(answers[0].status, 200) << answers[0].body;
  for (std::size_t i : {1U, 2U}) {
    EXPECT_EQ(answers[i].status, 409) << answers[i].body;
    EXPECT_EQ(json::parse(answers[i].body, nullptr, false).value("code", ""), "busy");
  }
  ASSERT_TRUE(cluster.await(rests_with(2))) << cluster.log("controller.log");
  // The commands find the cluster as ever.
  const auto undrained = cluster.command({"undrain", "3"});
  EXPECT_EQ(undrained.exit_code, 0) << undrained.err;
  ASSERT_TRUE(cluster.await(rests_with(3))) << cluster.log("controller.log");
  EXPECT_EQ(count_events(cluster.events(), "drain_done"), 1U);
  // The next controller is asked in the same place with the same token.
  cluster.signal_controller(SIGKILL);
  ASSERT_TRUE(cluster.await(serves)) << "the run was over too soon";
  EXPECT_EQ(http_ask(admin, {"/v1/cluster"}).status, 401);
  EXPECT_EQ(http_ask(admin, {"/v1/cluster", "GET", fields, ""}).status, 200);
  expect_same_texts(cluster);
}

TEST(NoAdmin, ThereIsNoPortAndNoTokenWhereNoneIsWanted) {
  const ScratchFolder scratch;
  LaunchedCluster cluster({"-n", "2", "--no-admin"}, much_work(scratch));
  ASSERT_TRUE(cluster.await(serves)) << cluster.log("controller.log");
  EXPECT_FALSE(run_file(cluster).contains("admin"));
  EXPECT_EQ(cluster.log("admin-token"), "");
  EXPECT_EQ(cluster.finish().exit_code, 0);
}

}  // namespace
}  // namespace switchyard::tests

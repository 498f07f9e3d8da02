#include "comm/worlds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "comm/ping_pong.h"
#include "comm/transport_table.h"

namespace switchyard::comm {
namespace {

using testing::HasSubstr;

TEST(StartedByMpiLauncher, LooksForTheMarksOfTheLaunchers) {
  const auto with = [](const std::string& name) {
    return started_by_mpi_launcher(
        [name](const char* asked) { return name == asked ? "1" : nullptr; });
  };
  EXPECT_TRUE(with("OMPI_COMM_WORLD_SIZE"));
  EXPECT_TRUE(with("PMI_SIZE"));
  EXPECT_TRUE(with("PMI_RANK"));
  EXPECT_TRUE(with("PMIX_RANK"));
  EXPECT_FALSE(with("SLURM_PROCID"));
  EXPECT_FALSE(with("PATH"));
}

TEST(LaunchedWorldSize, IsReadWhereTheLauncherSaysIt) {
  const auto with = [](const std::string& name, const char* value) {
    return launched_world_size(
        [name, value](const char* asked) { return name == asked ? value : nullptr; });
  };
  EXPECT_EQ(with("OMPI_COMM_WORLD_SIZE", "3"), 3U);
  EXPECT_EQ(with("PMI_SIZE", "12"), 12U);
  for (const char* nonsense : {"", "0", "-3", "3x", "many"}) {
    EXPECT_EQ(with("PMI_SIZE", nonsense), std::nullopt) << nonsense;
  }
  EXPECT_EQ(with("PMI_RANK", "3"), std::nullopt);
}

TEST(TransportTable, ListsAll) {
  const auto table = list_transports();
  ASSERT_EQ(table.size(), 3U);
  EXPECT_EQ(table[0].name, "local");
  EXPECT_EQ(table[1].name, "mpi");
  EXPECT_EQ(table[1].availability == Availability::kAvailable, mpi_library().has_value());
  EXPECT_EQ(table[2].name, "nccl");
  EXPECT_EQ(table[2].availability == Availability::kAvailable, nccl_library().has_value());
  for (const TransportEntry& entry : table) EXPECT_FALSE(entry.text.empty());
}

TEST(TransportTable, FindsByNameOrNamesThemAll) {
  const auto local = find_transport("local");
  ASSERT_TRUE(local.has_value());
  EXPECT_EQ(local->name, "local");
  const auto pigeon = find_transport("pigeon");
  ASSERT_FALSE(pigeon.has_value());
  EXPECT_EQ(pigeon.error().code, ErrorCode::kUsage);
  EXPECT_THAT(pigeon.error().message, HasSubstr("local, mpi, nccl"));
  const auto mpi = find_transport("mpi");
  if (mpi_library()) {
    EXPECT_TRUE(mpi.has_value());
  } else {
    ASSERT_FALSE(mpi.has_value());
    EXPECT_EQ(mpi.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(mpi.error().message, HasSubstr("libopenmpi-dev"));
  }
}

TEST(PingPong, MeasuresBetweenTwoThreads) {
  auto world = make_local_world(2, {});
  const SteadyClock clock;
  const Deadline deadline = Deadline::after(clock, std::chrono::seconds(60));
  const PingPongOptions options{.bytes = 5000, .iterations = 20};
  std::thread other([&] { EXPECT_TRUE(ping_pong(*world[1], options, deadline).has_value()); });
  const auto measured = ping_pong(*world[0], options, deadline);
  other.join();
  ASSERT_TRUE(measured.has_value());
  EXPECT_EQ(measured->bytes, 5000U);
  EXPECT_EQ(measured->iterations, 20U);
  EXPECT_GT(measured->round_trip_us_min, 0);
  EXPECT_LE(measured->round_trip_us_min, measured->round_trip_us_p50);
  ASSERT_EQ(measured->round_trips_us.size(), measured->iterations);
  EXPECT_TRUE(std::ranges::is_sorted(measured->round_trips_us));
  EXPECT_LE(measured->round_trip_us_p50, measured->round_trips_us.back());
}

TEST(PingPong, NamesThePeerThatDoesNotAnswer) {
  auto world = make_local_world(2, {});
  const SteadyClock clock;
  const auto measured =
      ping_pong(*world[0], {.bytes = 8}, Deadline::after(clock, std::chrono::milliseconds(20)));
  ASSERT_FALSE(measured.has_value());
  EXPECT_EQ(measured.error().code, ErrorCode::kDeadline);
  EXPECT_THAT(measured.error().message, HasSubstr("rank 1"));
  world[0].reset();
}

TEST(PingPong, RefusesALonelyRankAndNoIterations) {
  const SteadyClock clock;
  const Deadline deadline = Deadline::after(clock, std::chrono::seconds(60));
  auto alone = make_local_world(1, {});
  EXPECT_EQ(ping_pong(*alone[0], {}, deadline).error().code, ErrorCode::kUsage);
  auto world = make_local_world(3, {});
  EXPECT_EQ(ping_pong(*world[2], {}, deadline).error().code, ErrorCode::kUsage);
  EXPECT_EQ(ping_pong(*world[0], {.bytes = 0, .iterations = 0}, deadline).error().code,
            ErrorCode::kUsage);
}

TEST(MpiBarePingPong, IsRefusedOutsideAnMpiWorld) {
  const auto measured = mpi_bare_ping_pong({});
  ASSERT_FALSE(measured.has_value());
  EXPECT_EQ(measured.error().code, mpi_library() ? ErrorCode::kUsage : ErrorCode::kUnsupported);
}

TEST(AbortMpiWorldDeathTest, EndsAProcessThatNeverJoined) {
  EXPECT_EXIT(abort_mpi_world(5), testing::ExitedWithCode(5), "");
}

}  // namespace
}  // namespace switchyard::comm

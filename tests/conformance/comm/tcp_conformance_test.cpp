// The suite over open worlds: all ranks came later and have TCP only; or some were there from the
// start, over another transport, and the others came later.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "comm/worlds.h"
#include "tests/conformance/comm/transport_suite.h"

namespace switchyard::comm {
namespace {

// How many of the ranks were there from the start.
using Layout = std::tuple<std::size_t, std::size_t>;  // ranks, of them from the start

struct OpenWorld {
  std::vector<std::unique_ptr<Transport>> ranks;
  std::vector<std::unique_ptr<Transport>> dead;  // whose slots were taken over
};

OpenWorld make_world(std::size_t count, std::size_t from_start) {
  OpenWorld world;
  auto first = make_local_world(count, suite::suite_limits());
  std::vector<std::string> addresses(count);
  for (std::uint32_t r = 0; r < count; ++r) {
    if (r < from_start) {
      world.ranks.push_back(make_open_world(std::move(first[r]), suite::suite_limits()));
      continue;
    }
    world.dead.push_back(std::move(first[r]));
    auto late = join_open_world({RankId(r), count, "127.0.0.1"}, suite::suite_limits());
    EXPECT_TRUE(late.has_value());
    addresses[r] = late->address;
    world.ranks.push_back(std::move(late->transport));
  }
  for (auto& rank : world.ranks) {
    for (std::uint32_t r = 0; r < count; ++r) rank->attach(RankId(r), addresses[r]);
  }
  return world;
}

class OpenWorldOf : public testing::TestWithParam<std::tuple<Layout, suite::Case>> {};

TEST_P(OpenWorldOf, RunsCase) {
  const auto& [layout, test_case] = GetParam();
  const auto [count, from_start] = layout;
  auto world = make_world(count, from_start);
  std::vector<std::thread> threads;
  for (auto& transport : world.ranks) {
    threads.emplace_back([&transport, body = test_case.body, from_start = from_start] {
      suite::Mail mail(*transport);
      body(*transport, mail);
      // With dead ranks in the inner world nobody can leave that one in order.
      if (from_start > 0) return;
      const SteadyClock clock;
      const auto left = transport->finalize(Deadline::after(clock, std::chrono::seconds(60)));
      EXPECT_TRUE(left.has_value()) << left.error().message;
    });
  }
  for (std::thread& thread : threads) thread.join();
}

std::string name_of(const testing::TestParamInfo<OpenWorldOf::ParamType>& info) {
  const auto& [layout, test_case] = info.param;
  const auto [count, from_start] = layout;
  return fmt::format("{}_{}_{}_from_start", test_case.name, count, from_start);
}

INSTANTIATE_TEST_SUITE_P(Tcp, OpenWorldOf,
                         testing::Combine(testing::Values(Layout{1, 0}, Layout{2, 0}, Layout{4, 0},
                                                          Layout{2, 1}, Layout{3, 2}, Layout{4, 2}),
                                          testing::ValuesIn(suite::cases().begin(),
                                                            suite::cases().end())),
                         name_of);

}  // namespace
}  // namespace switchyard::comm

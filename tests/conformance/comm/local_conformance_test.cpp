// The suite over worlds of threads.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "comm/worlds.h"
#include "tests/conformance/comm/transport_suite.h"

namespace switchyard::comm {
namespace {

class LocalWorldOf : public testing::TestWithParam<std::tuple<std::size_t, suite::Case>> {};

TEST_P(LocalWorldOf, RunsCase) {
  const auto& [ranks, test_case] = GetParam();
  auto world = make_local_world(ranks, suite::suite_limits());
  ASSERT_EQ(world.size(), ranks);
  std::vector<std::thread> threads;
  threads.reserve(ranks);
  for (auto& transport : world) {
    threads.emplace_back([&transport, body = test_case.body] {
      suite::Mail mail(*transport);
      body(*transport, mail);
      const SteadyClock clock;
      const auto left = transport->finalize(Deadline::after(clock, std::chrono::seconds(60)));
      EXPECT_TRUE(left.has_value()) << left.error().message;
    });
  }
  for (std::thread& thread : threads) thread.join();
}

INSTANTIATE_TEST_SUITE_P(Threads, LocalWorldOf,
                         testing::Combine(testing::Values<std::size_t>(1, 2, 3, 4),
                                          testing::ValuesIn(suite::cases().begin(),
                                                            suite::cases().end())),
                         [](const auto& param) {
                           return std::string(std::get<1>(param.param).name) + "_" +
                                  std::to_string(std::get<0>(param.param));
                         });

}  // namespace
}  // namespace switchyard::comm

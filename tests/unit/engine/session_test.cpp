#include "runtime/engine/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "comm/worlds.h"

namespace switchyard::engine {
namespace {

Result<std::unique_ptr<model::WeightSource>> no_model(std::size_t rank) {
  return fail(ErrorCode::kBadInput, "no model on rank {}", rank);
}

// A rank gives up before the lead has read what it said: the bytes stay until the session goes.
TEST(Session, WhatItSaidCanBeReadAfterItsOpenHasFailed) {
  const SteadyClock clock;
  StopSignals signals;
  signals.abandon.store(true);
  const auto transports = comm::make_local_world(2, {});
  const ClusterOptions options;
  Session session(options, *transports[1], clock, signals, make_null_log());
  const auto opened = session.open(no_model(1), {});
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kInterrupted);
  ControlLink lead(*transports[0]);
  const auto said = lead.poll();
  ASSERT_TRUE(said.has_value() && said->has_value());
  EXPECT_EQ((*said)->from, RankId(1));
  EXPECT_EQ((*said)->body["kind"], "failed");
  EXPECT_EQ((*said)->body["message"], "no model on rank 1");
}

// A rank that cannot start fails all of them, with its own words and its number.
TEST(Session, TheErrorOfOneRankIsEveryones) {
  const SteadyClock clock;
  const StopSignals signals;
  const auto transports = comm::make_local_world(3, {});
  std::vector<Error> errors(transports.size());
  std::vector<std::thread> ranks;
  for (std::size_t r = 0; r < transports.size(); ++r) {
    ranks.emplace_back([&, r] {
      const ClusterOptions options;
      Session session(options, *transports[r], clock, signals, make_null_log());
      auto opened = session.open(no_model(r), {});
      if (!opened) errors[r] = std::move(opened).error();
      (void)transports[r]->finalize(Deadline::after(clock, std::chrono::seconds(60))).has_value();
    });
  }
  for (auto& rank : ranks) rank.join();
  for (const Error& error : errors) {
    EXPECT_EQ(error.code, ErrorCode::kBadInput);
    EXPECT_EQ(error.message, errors[0].message);
  }
  EXPECT_THAT(errors[0].message, ::testing::HasSubstr("no model"));
}

}  // namespace
}  // namespace switchyard::engine

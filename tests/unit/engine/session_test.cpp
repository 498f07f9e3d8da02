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

std::unique_ptr<model::WeightSource> small_model(std::size_t layers = 1) {
  model::ModelConfig config;
  config.family = "mixtral";
  config.vocab = 64;
  config.hidden = 32;
  config.layers = layers;
  config.heads = 2;
  config.kv_heads = 1;
  config.head_size = 16;
  config.context_max = 256;
  config.experts = 4;
  config.experts_per_token = 2;
  config.expert_inner = 32;
  config.moe_layer.assign(layers, true);
  return model::make_random_weights(config, 1);
}

SequenceRequest request_of(std::uint32_t id, std::size_t prompt, std::uint32_t max_tokens) {
  SequenceRequest request;
  request.id = SequenceId(id);
  request.tokens.assign(prompt, 1);
  request.max_tokens = max_tokens;
  return request;
}

// A lead whose own share ends with an error still hears progress and results of routers that work
// on theirs: no final reports, and not an error to hide its own.
TEST(Session, ClosesInOrderAfterAnErrorOfTheLead) {
  const SteadyClock clock;
  const StopSignals signals;
  const auto transports = comm::make_local_world(2, {});
  ClusterOptions options;
  options.routers = 2;
  options.colocation = Colocation::kTogether;
  options.device.threads = 1;
  Result<void> followed{};
  std::thread other([&] {
    Session session(options, *transports[1], clock, signals, make_null_log());
    followed = session.open(small_model(), [](std::size_t, std::size_t) {});
    if (followed) followed = session.follow();
    (void)transports[1]->finalize(Deadline::after(clock, std::chrono::seconds(60))).has_value();
  });
  Session lead(options, *transports[0], clock, signals, make_null_log());
  ASSERT_TRUE(lead.open(small_model(), [](std::size_t, std::size_t) {}).has_value());
  Job job;
  job.routing = "topk:k=2";
  job.sequences = {request_of(0, 300, 1), request_of(1, 4, 200)};
  const auto ran = lead.run(job, Session::Spread::kAllRouters, nullptr, [](const JobProgress&) {});
  ASSERT_FALSE(ran.has_value());
  EXPECT_EQ(ran.error().code, ErrorCode::kLimit);
  const auto report = lead.close();
  EXPECT_TRUE(report.has_value()) << report.error().message;
  (void)transports[0]->finalize(Deadline::after(clock, std::chrono::seconds(60))).has_value();
  other.join();
  EXPECT_TRUE(followed.has_value()) << followed.error().message;
}

// A lead that died, where nobody ends the others (mpirun --enable-recovery), is not waited for for
// ever.
TEST(Session, ALeadThatSaysNothingEndsTheOthers) {
  const SteadyClock clock;
  const StopSignals signals;
  const auto transports = comm::make_local_world(2, {});
  ClusterOptions options;
  options.lead_deadline = Duration(1'000'000);
  Result<void> followed{};
  std::thread other([&] {
    Session session(options, *transports[1], clock, signals, make_null_log());
    followed = session.open(small_model(), [](std::size_t, std::size_t) {});
    if (followed) followed = session.follow();
  });
  Session lead(options, *transports[0], clock, signals, make_null_log());
  EXPECT_TRUE(lead.open(small_model(), [](std::size_t, std::size_t) {}).has_value());
  other.join();
  ASSERT_FALSE(followed.has_value());
  EXPECT_EQ(followed.error().code, ErrorCode::kDeadline);
  EXPECT_THAT(followed.error().message, ::testing::HasSubstr("no sign of rank 0"));
}

// Lets time pass while a layer is under way.
class TimePasses final : public Observer {
 public:
  explicit TimePasses(ManualClock& clock) : clock_(clock) {}
  void on_routed(const RoutedRows&) override { clock_.advance(std::chrono::seconds(60)); }

 private:
  ManualClock& clock_;
};

// However long its steps are: who waits for work hears that the lead is at it.
TEST(Session, ALeadAtWorkSaysSoToThoseWhoWait) {
  ManualClock clock;
  const StopSignals signals;
  const auto transports = comm::make_local_world(2, {});
  ClusterOptions options;
  options.routers = 2;
  options.colocation = Colocation::kTogether;
  options.replicas = 2;  // and so no row leaves the lead
  options.device.threads = 1;
  Session follower(options, *transports[1], clock, signals, make_null_log());
  Result<void> opened{};
  std::thread other(
      [&] { opened = follower.open(small_model(4), [](std::size_t, std::size_t) {}); });
  Session lead(options, *transports[0], clock, signals, make_null_log());
  EXPECT_TRUE(lead.open(small_model(4), [](std::size_t, std::size_t) {}).has_value());
  other.join();
  ASSERT_TRUE(opened.has_value());
  Job job;
  job.routing = "topk:k=2";
  job.sequences = {request_of(0, 4, 1)};
  TimePasses passes(clock);
  ASSERT_TRUE(lead.run(job, Session::Spread::kLeadOnly, &passes, [](const JobProgress&) {}));
  ControlLink mail(*transports[1]);
  std::size_t signs = 0;
  for (auto said = mail.poll(); said && *said; said = mail.poll()) {
    EXPECT_EQ((*said)->body["kind"], "alive");
    ++signs;
  }
  EXPECT_GE(signs, 4U);  // once a layer, each a minute long
}

// Presses Ctrl-C while the first layer of the first step is under way.
class StopInFirstLayer final : public Observer {
 public:
  explicit StopInFirstLayer(StopSignals& signals) : signals_(signals) {}
  void on_routed(const RoutedRows&) override { signals_.stop.store(true); }

 private:
  StopSignals& signals_;
};

// A stop waits for the layer at hand, not for the step: of a large model that would take seconds.
TEST(Session, AStopEndsAStepBetweenTwoLayers) {
  const SteadyClock clock;
  for (const bool records : {false, true}) {
    StopSignals signals;
    const auto transports = comm::make_local_world(1, {});
    ClusterOptions options;
    options.device.threads = 1;
    Session lead(options, *transports[0], clock, signals, make_null_log());
    ASSERT_TRUE(lead.open(small_model(3), [](std::size_t, std::size_t) {}).has_value());
    Job job;
    job.routing = "topk:k=2";
    job.keeps.selections = records;
    job.sequences = {request_of(0, 8, 20), request_of(1, 4, 20)};
    StopInFirstLayer observer(signals);
    const auto ran =
        lead.run(job, Session::Spread::kAllRouters, &observer, [](const JobProgress&) {});
    ASSERT_TRUE(ran.has_value()) << ran.error().message;
    ASSERT_EQ(ran->sequences.size(), 2U);
    for (const auto& sequence : ran->sequences) {
      EXPECT_EQ(sequence.finish, FinishReason::kInterrupted);
      EXPECT_EQ(sequence.tokens.size(), records ? 1U : 0U);
    }
    EXPECT_GT(ran->stats.mean_k(0), 0);
    // Recorded selections are whole: every token in every layer.
    EXPECT_EQ(ran->stats.mean_k(2), records ? 2 : 0);
    const auto report = lead.close();
    ASSERT_TRUE(report.has_value()) << report.error().message;
    EXPECT_TRUE(report->conserved());
    EXPECT_EQ(report->pairs_dispatched(), ran->stats.slot_count());
  }
}

// Other kernels, other bits: such ranks do not start together, and the message says who has what.
TEST(Session, RanksWithOtherKernelsAreRefused) {
  const SteadyClock clock;
  const StopSignals signals;
  const auto transports = comm::make_local_world(2, {});
  std::vector<Error> errors(transports.size());
  std::vector<std::thread> ranks;
  for (std::size_t r = 0; r < transports.size(); ++r) {
    ranks.emplace_back([&, r] {
      ClusterOptions options;
      options.device.threads = 1;
      options.device.isa = r == 0 ? "ref" : "auto";
      Session session(options, *transports[r], clock, signals, make_null_log());
      auto opened = session.open(small_model(), [](std::size_t, std::size_t) {});
      if (!opened) errors[r] = std::move(opened).error();
      (void)transports[r]->finalize(Deadline::after(clock, std::chrono::seconds(60))).has_value();
    });
  }
  for (auto& rank : ranks) rank.join();
  for (const Error& error : errors) {
    EXPECT_EQ(error.code, ErrorCode::kUsage);
    EXPECT_THAT(error.message, ::testing::HasSubstr("rank 1 was started with other options"));
    EXPECT_THAT(error.message, ::testing::HasSubstr("gemm=ref"));
    EXPECT_THAT(error.message, ::testing::HasSubstr("(--isa)"));
  }
}

}  // namespace
}  // namespace switchyard::engine

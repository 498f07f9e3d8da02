#include "runtime/control/health.h"

#include <gmock/gmock.h>

#include <functional>

#include "runtime/control/progress_watch.h"
#include "runtime/control/wait_matrix.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

RankFacts serving() {
  RankFacts facts;
  facts.connection = Connection::kOpen;
  facts.phase = Phase::kServing;
  facts.phase_age = seconds(100);
  facts.metrics_age = milliseconds(200);
  return facts;
}

HealthVerdict verdict(const std::function<void(RankFacts&)>& change) {
  RankFacts facts = serving();
  change(facts);
  return judge_health(facts, {});
}

std::vector<HealthFactor> factors(const HealthVerdict& verdict) {
  std::vector<HealthFactor> out;
  for (const Reason& reason : verdict.reasons) out.push_back(reason.factor);
  return out;
}

struct Case {
  const char* name;
  std::function<void(RankFacts&)> change;
  HealthLevel level;
  std::vector<HealthFactor> factors;
};

std::vector<Case> cases_of_life() {
  using enum HealthLevel;
  using enum HealthFactor;
  return {
      {"serving", [](RankFacts&) {}, kHealthy, {}},
      {"parked", [](RankFacts& f) { f.phase = Phase::kParked; }, kHealthy, {}},
      {"draining", [](RankFacts& f) { f.phase = Phase::kDraining; }, kHealthy, {}},
      {"launched",
       [](RankFacts& f) {
         f = {};
         f.connection_age = seconds(5);
       },
       kStarting,
       {kNotRegistered}},
      {"never came",
       [](RankFacts& f) {
         f = {};
         f.connection_age = seconds(61);
       },
       kSuspect,
       {kNotRegistered}},
      {"connection broken",
       [](RankFacts& f) { f.connection = Connection::kBroken; },
       kDead,
       {kConnectionBroken}},
      {"loading",
       [](RankFacts& f) {
         f.phase = Phase::kLoading;
         f.metrics_age.reset();
       },
       kStarting,
       {kStartingUp}},
      {"loading too long",
       [](RankFacts& f) {
         f.phase = Phase::kLoading;
         f.phase_age = seconds(601);
       },
       kDegraded,
       {kPhaseOverdue, kStartingUp}},
      {"draining too long",
       [](RankFacts& f) {
         f.phase = Phase::kDraining;
         f.phase_age = seconds(301);
       },
       kDegraded,
       {kPhaseOverdue}},
  };
}

std::vector<Case> cases_of_silence() {
  using enum HealthLevel;
  using enum HealthFactor;
  return {
      {"a little late",
       [](RankFacts& f) {
         f.phi = 4;
         f.silence = milliseconds(1370);
       },
       kDegraded,
       {kSilent}},
      {"silent",
       [](RankFacts& f) {
         f.phi = 8;
         f.silence = milliseconds(1570);
       },
       kSuspect,
       {kSilent}},
      {"very silent, but briefly",
       [](RankFacts& f) {
         f.phi = 20;
         f.silence = milliseconds(1900);
       },
       kSuspect,
       {kSilent}},
      {"silent for good",
       [](RankFacts& f) {
         f.phi = 30;
         f.silence = seconds(2);
       },
       kDead,
       {kSilent}},
      {"no metrics", [](RankFacts& f) { f.metrics_age.reset(); }, kUnknown, {kMetricsMissing}},
      {"at a long batch",
       [](RankFacts& f) {
         f.metrics_age = seconds(24);
         f.computed = seconds(22);
       },
       kHealthy,
       {}},
      {"old metrics",
       [](RankFacts& f) { f.metrics_age = seconds(4); },
       kUnknown,
       {kMetricsMissing}},
  };
}

std::vector<Case> cases_of_trouble() {
  using enum HealthLevel;
  using enum HealthFactor;
  return {
      {"stuck", [](RankFacts& f) { f.stalled = seconds(5); }, kSuspect, {kStuck}},
      {"stuck for good", [](RankFacts& f) { f.stalled = seconds(15); }, kDead, {kStuck}},
      {"waits for another",
       [](RankFacts& f) {
         f.stalled = milliseconds(29'900);
         f.waits_for = RankId(2);
       },
       kDegraded,
       {kStuck}},
      {"waits for another for good",
       [](RankFacts& f) {
         f.stalled = seconds(30);
         f.waits_for = RankId(2);
       },
       kDead,
       {kStuck}},
      {"somebody complains",
       [](RankFacts& f) { f.evidence = EvidenceLevel::kSome; },
       kDegraded,
       {kPeersReport}},
      {"peers suspect it",
       [](RankFacts& f) { f.evidence = EvidenceLevel::kSuspect; },
       kSuspect,
       {kPeersReport}},
      {"peers and heartbeats agree",
       [](RankFacts& f) {
         f.evidence = EvidenceLevel::kSuspect;
         f.phi = 9;
         f.silence = milliseconds(1600);
       },
       kDead,
       {kCorroborated, kSilent, kPeersReport}},
      {"peers and the step counter agree",
       [](RankFacts& f) {
         f.evidence = EvidenceLevel::kSuspect;
         f.stalled = seconds(6);
       },
       kDead,
       {kCorroborated, kStuck, kPeersReport}},
      {"peers suspect it and it says nothing",
       [](RankFacts& f) {
         f.evidence = EvidenceLevel::kSuspect;
         f.metrics_age = seconds(4);
       },
       kDead,
       {kCorroborated, kPeersReport, kMetricsMissing}},
      {"peers suspect it and it has had no time to say anything",
       [](RankFacts& f) {
         f.evidence = EvidenceLevel::kSuspect;
         f.metrics_age.reset();
         f.phase_age = seconds(1);
       },
       kSuspect,
       {kPeersReport, kMetricsMissing}},
  };
}

TEST(Health, EachSignGivesItsLevelAndItsReasons) {
  for (const auto& cases : {cases_of_life(), cases_of_silence(), cases_of_trouble()}) {
    for (const Case& c : cases) {
      const HealthVerdict got = verdict(c.change);
      EXPECT_EQ(to_string(got.level), to_string(c.level)) << c.name << ": " << got.text();
      EXPECT_EQ(factors(got), c.factors) << c.name << ": " << got.text();
    }
  }
}

TEST(Health, LoadingIsNotTakenForDeath) {
  for (const Duration silence : {seconds(3), seconds(29), seconds(100), seconds(299)}) {
    const auto v = verdict([&](RankFacts& f) {
      f.phase = Phase::kLoading;
      f.phi = 1e6;
      f.silence = silence;
      f.metrics_age.reset();
      f.stalled = seconds(1000);
      f.evidence = EvidenceLevel::kSuspect;
    });
    EXPECT_LT(v.level, HealthLevel::kDead) << v.text();
  }
  // But a host that went away while loading is found in the end.
  EXPECT_EQ(verdict([](RankFacts& f) {
              f.phase = Phase::kLoading;
              f.phi = 1e6;
              f.silence = seconds(300);
            }).level,
            HealthLevel::kDead);
}

TEST(Health, AGraceForReconnectingIsSuspicionFirst) {
  HealthConfig config;
  config.reconnect_grace = milliseconds(500);
  RankFacts facts = serving();
  facts.connection = Connection::kBroken;
  facts.connection_age = milliseconds(499);
  EXPECT_EQ(judge_health(facts, config).level, HealthLevel::kSuspect);
  facts.connection_age = milliseconds(500);
  EXPECT_EQ(judge_health(facts, config).level, HealthLevel::kDead);
}

TEST(Health, ARankThatOthersWaitForIsDegradedWhileItServes) {
  RankFacts facts = serving();
  facts.slow = "rank 0 waited 3.0 of 5.0 s for it";
  const auto v = judge_health(facts, {});
  EXPECT_EQ(v.level, HealthLevel::kDegraded);
  EXPECT_EQ(v.text(), "degraded: slow: rank 0 waited 3.0 of 5.0 s for it");
  EXPECT_EQ(to_string(v.reasons.at(0).factor), "slow");
  facts.phase = Phase::kDraining;
  EXPECT_EQ(judge_health(facts, {}).level, HealthLevel::kHealthy);
}

TEST(Health, SaysItInWords) {
  EXPECT_EQ(judge_health(serving(), {}).text(), "healthy");
  const auto v = verdict([](RankFacts& f) {
    f.phi = 8.4;
    f.silence = milliseconds(1580);
    f.metrics_age = seconds(4);
  });
  EXPECT_EQ(
      v.text(),
      "suspect: silent for 1.58 s while serving (phi 8.4); the last load report is 4.0 s old");
}

TEST(HealthConfig, NamesTheFieldThatIsWrong) {
  const auto message = [](const std::function<void(HealthConfig&)>& change) {
    HealthConfig config;
    change(config);
    const auto valid = config.validate();
    return valid ? std::string() : valid.error().message;
  };
  EXPECT_EQ(message([](HealthConfig&) {}), "");
  EXPECT_THAT(message([](HealthConfig& c) { c.phi_dead = 7; }), HasSubstr("phi thresholds"));
  EXPECT_THAT(message([](HealthConfig& c) { c.stuck_dead = seconds(1); }), HasSubstr("stuck_dead"));
  EXPECT_THAT(message([](HealthConfig& c) { c.register_max = Duration(-1); }),
              HasSubstr("register_max"));
  EXPECT_THAT(message([](HealthConfig& c) { c.starting.silent_dead = seconds(1); }),
              HasSubstr("starting"));
}

TEST(ProgressWatch, CountsOnlyWhileThereIsWork) {
  ProgressWatch watch;
  TimePoint now{};
  EXPECT_EQ(watch.stalled(now + seconds(9)), Duration::zero());
  watch.observe({7, 0}, now);
  EXPECT_EQ(watch.stalled(now + seconds(9)), Duration::zero());
  watch.observe({7, 3}, now + seconds(10));  // work appears
  EXPECT_EQ(watch.stalled(now + seconds(14)), seconds(4));
  watch.observe({7, 5}, now + seconds(15));  // more work, no step
  EXPECT_EQ(watch.stalled(now + seconds(16)), seconds(6));
  watch.observe({8, 5}, now + seconds(17));
  EXPECT_EQ(watch.stalled(now + seconds(18)), seconds(1));
  watch.observe({0, 5}, now + seconds(20));  // a process that started anew
  EXPECT_EQ(watch.stalled(now + seconds(20)), Duration::zero());
  EXPECT_EQ(watch.stalled(now), Duration::zero());
}

TEST(ProgressWatch, ForgivesOneStandstillNoMoreThanSoMuch) {
  ProgressWatch watch;
  const TimePoint now{};
  watch.observe({7, 1}, now);
  watch.forgive(seconds(3), seconds(5));
  EXPECT_EQ(watch.stalled(now + seconds(10)), seconds(7));
  watch.forgive(seconds(3), seconds(5));
  watch.forgive(seconds(3), seconds(5));
  EXPECT_EQ(watch.stalled(now + seconds(10)), seconds(5));
  watch.observe({8, 1}, now + seconds(10));
  watch.forgive(seconds(3), seconds(5));
  EXPECT_EQ(watch.stalled(now + seconds(14)), seconds(1));
}

TEST(WaitMatrix, FindsWhereWaitsEnd) {
  WaitMatrix m;
  EXPECT_TRUE(m.empty());
  m.add(RankId(0), RankId(1));
  m.add(RankId(1), RankId(2));
  m.add(RankId(2), RankId(3));
  m.add(RankId(3), RankId(2));
  EXPECT_TRUE(m.waits(RankId(0), RankId(1)));
  EXPECT_FALSE(m.waits(RankId(1), RankId(0)));
  EXPECT_THAT(m.reachable(RankId(1)), ElementsAre(RankId(2), RankId(3)));
  EXPECT_FALSE(m.is_end(RankId(1)));
  EXPECT_TRUE(m.is_end(RankId(2)));
  EXPECT_TRUE(m.is_end(RankId(9)));
  EXPECT_EQ(m.end_of(RankId(0)), RankId(2));
  EXPECT_EQ(m.end_of(RankId(3)), RankId(3));
}

}  // namespace
}  // namespace switchyard::control

// Laws of verdicts and evidence over random facts; each run prints its seed on failure.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "runtime/base/random.h"
#include "runtime/control/evidence.h"
#include "runtime/control/health.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;

RankFacts random_facts(Random& random) {
  RankFacts facts;
  const auto time = [&] { return milliseconds(random.next_below(1ULL << random.next_below(20))); };
  facts.connection = static_cast<Connection>(random.next_below(3));
  facts.connection_age = time();
  facts.phase = static_cast<Phase>(random.next_below(5));
  facts.phase_age = time();
  facts.phi = random.next_unit() * 20;
  facts.silence = time();
  if (random.next_below(3) > 0) facts.metrics_age = time();
  facts.stalled = time();
  if (random.next_below(4) == 0) facts.waits_for = RankId(1);
  facts.evidence = static_cast<EvidenceLevel>(random.next_below(3));
  facts.evidence_text = "reported";
  return facts;
}

TEST(HealthLaws, VerdictsAreAsBadAsTheirWorstReasonAndUnknownIsNeverHealthy) {
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    const RankFacts facts = random_facts(random);
    const HealthVerdict v = judge_health(facts, {});
    ASSERT_EQ(v.reasons.empty(), v.level == HealthLevel::kHealthy);
    ASSERT_TRUE(std::ranges::is_sorted(v.reasons, std::greater{}, &Reason::level));
    if (!v.reasons.empty()) {
      ASSERT_EQ(v.level, v.reasons.front().level);
    }
    for (const Reason& reason : v.reasons) ASSERT_FALSE(reason.text.empty());
    if (!facts.metrics_age) {
      ASSERT_NE(v.level, HealthLevel::kHealthy);
    }
  }
}

// Worse facts never give a better verdict.
TEST(HealthLaws, VerdictsAreMonotone) {
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    const RankFacts facts = random_facts(random);
    RankFacts worse = facts;
    switch (random.next_below(6)) {
      case 0: worse.phi += random.next_unit() * 20; break;
      case 1: worse.silence *= 2; break;
      case 2: worse.stalled *= 2; break;
      case 3: worse.metrics_age.reset(); break;
      case 4: worse.evidence = EvidenceLevel::kSuspect; break;
      default: worse.phase_age *= 2; break;
    }
    const HealthVerdict before = judge_health(facts, {});
    const HealthVerdict after = judge_health(worse, {});
    ASSERT_GE(after.level, before.level) << before.text() << " -> " << after.text();
  }
}

// One rank lies about any number of others, the rest are honest: it kills nobody.
TEST(EvidenceLaws, OneLiarMakesNoSuspectAmongHealthyRanks) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    const auto members = static_cast<std::uint32_t>(2 + random.next_below(30));
    auto book = EvidenceBook::create({}).value();
    book.begin_epoch(Epoch(1), members);
    const RankId liar(static_cast<std::uint32_t>(random.next_below(members)));
    TimePoint now{};
    for (int i = 0; i < 100; ++i) {
      const RankId victim(static_cast<std::uint32_t>(random.next_below(members)));
      if (victim != liar) {
        ASSERT_TRUE(book.report({liar, victim, Epoch(1)}, now).has_value());
      }
      now += milliseconds(random.next_below(200));
      for (std::uint32_t r = 0; r < members; ++r) {
        ASSERT_NE(book.judge(RankId(r), Connection::kOpen, 2, now).level, EvidenceLevel::kSuspect);
      }
    }
  }
}

// Ranks hang one after another; a rank that waits reports whom it waits for. The hung are found and
// nobody else is, whatever chains of waiting they cause.
TEST(EvidenceLaws, TheHungAreFoundAndTheWaitingAreNot) {
  for (std::uint64_t seed = 1; seed <= 2'000; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    const auto members = static_cast<std::uint32_t>(6 + random.next_below(20));
    auto book = EvidenceBook::create({}).value();
    book.begin_epoch(Epoch(1), members);
    const RankId hung(static_cast<std::uint32_t>(random.next_below(members)));
    const auto waiting = static_cast<std::uint32_t>(2 + random.next_below(members - 3));
    std::vector<RankId> blocked{hung};
    for (std::uint32_t r = 0; r < members && blocked.size() <= waiting; ++r) {
      if (RankId(r) == hung) continue;
      // The first two wait for the hung rank, the others for anyone who is blocked by now.
      const RankId awaited =
          blocked.size() <= 2 ? hung : blocked[random.next_below(blocked.size())];
      ASSERT_TRUE(book.report({RankId(r), awaited, Epoch(1)}, TimePoint{}).has_value());
      blocked.emplace_back(r);
    }
    for (std::uint32_t r = 0; r < members; ++r) {
      const Finding finding = book.judge(RankId(r), Connection::kOpen, members, TimePoint{});
      ASSERT_EQ(finding.level == EvidenceLevel::kSuspect, RankId(r) == hung) << finding.text;
    }
  }
}

}  // namespace
}  // namespace switchyard::control

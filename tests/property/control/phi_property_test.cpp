// Laws of the failure detector over random rhythms; each run prints its seed on failure.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "runtime/base/random.h"
#include "runtime/control/phi_accrual.h"

namespace switchyard::control {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

struct Rhythm {
  explicit Rhythm(std::uint64_t seed) : random(seed) {
    PhiConfig config;
    config.heartbeat_interval = milliseconds(50 + random.next_below(1000));
    config.sigma_min = milliseconds(1 + random.next_below(200));
    config.acceptable_pause = milliseconds(random.next_below(2000));
    config.window_count = 2 + random.next_below(200);
    detector.emplace(PhiAccrual::create(config).value());
    const std::uint64_t jitter_us = 1 + random.next_below(400'000);
    const std::uint64_t beats = 1 + random.next_below(300);
    for (std::uint64_t i = 0; i < beats; ++i) {
      now += config.heartbeat_interval + microseconds(random.next_below(jitter_us));
      detector->heartbeat(now);
    }
  }

  Random random;
  std::optional<PhiAccrual> detector;
  TimePoint now{};
};

TEST(PhiLaws, SilenceNeverLowersPhiAndItStaysFinite) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Rhythm rhythm(seed);
    double before = 0;
    for (int i = 0; i < 300; ++i) {
      const double phi = rhythm.detector->phi(rhythm.now);
      ASSERT_TRUE(std::isfinite(phi));
      ASSERT_GE(phi, before) << "at step " << i;
      before = phi;
      // Steps of all sizes, microseconds to hours.
      rhythm.now += microseconds(1 + rhythm.random.next_below(1ULL << (i / 9)));
    }
    ASSERT_GT(before, 8);
  }
}

TEST(PhiLaws, AnEarlierHeartbeatIsNeverMoreSurprising) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Rhythm rhythm(seed);
    const TimePoint end = rhythm.now + milliseconds(rhythm.random.next_below(5000));
    const double silent = rhythm.detector->phi(end);
    PhiAccrual heard = *rhythm.detector;
    heard.heartbeat(end);
    ASSERT_LE(heard.phi(end), std::max(silent, std::log10(2.0)));
  }
}

// Normal jitter of 60 ms around 250 ms for a simulated day: 0 moments above the suspicion level.
TEST(PhiLaws, ADayOfJitterRaisesNoSuspicion) {
  Random random(20);
  auto detector = PhiAccrual::create({}).value();
  TimePoint now{};
  double worst = 0;
  for (int i = 0; i < 345'600; ++i) {
    double sum = 0;
    for (int k = 0; k < 12; ++k) sum += random.next_unit();
    now += std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(std::max(0.0, 0.25 + 0.06 * (sum - 6))));
    worst = std::max(worst, detector.phi(now));
    detector.heartbeat(now);
  }
  EXPECT_LT(worst, 1);
}

}  // namespace
}  // namespace switchyard::control

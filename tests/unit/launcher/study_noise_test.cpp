#include "launcher/study_noise.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/base/random.h"

namespace switchyard::launcher {
namespace {

// Sums of twelve uniform numbers less 6: nearly normal, of deviation 1.
std::vector<double> noise(Random& random, std::size_t windows, double mean) {
  std::vector<double> values(windows, mean - 6);
  for (auto& value : values) {
    for (int i = 0; i < 12; ++i) value += random.next_unit();
  }
  return values;
}

TEST(StandardError, IsThatOfTheMean) {
  EXPECT_EQ(standard_error({}), std::nullopt);
  EXPECT_EQ(standard_error(std::vector<double>{1}), std::nullopt);
  // A deviation of sqrt(20 / 3), over sqrt(4).
  EXPECT_NEAR(standard_error(std::vector<double>{1, 3, 5, 7}).value(), 1.2909944487358056, 1e-12);
}

TEST(ChanceOfBest, OfTooLittleIsOne) {
  EXPECT_TRUE(chance_of_best({}).empty());
  EXPECT_EQ(chance_of_best({{0.5}, {0.1}}), (std::vector<double>{1, 1}));
  // Three windows that agree are one of eight signs.
  const auto three = chance_of_best({{1, 1.1, 0.9}});
  EXPECT_GT(three[0], 0.09);
  EXPECT_LT(three[0], 0.16);
}

TEST(ChanceOfBest, OfAGainInEveryWindowIsTheSmallestThereIs) {
  Random random(1);
  EXPECT_NEAR(chance_of_best({noise(random, 40, 5)})[0], 0.0005, 1e-12);
  EXPECT_GT(chance_of_best({noise(random, 40, -5)})[0], 0.999);
}

// Where no rule gains anything, one study in twenty may say otherwise, however many rules it tries.
TEST(ChanceOfBest, KeepsToItsLevelWhateverTheNumberOfRules) {
  constexpr int kStudies = 300;
  for (const std::size_t rules : {1U, 12U}) {
    Random random(7);
    int wrong = 0;
    for (int study = 0; study < kStudies; ++study) {
      std::vector<std::vector<double>> gains;
      for (std::size_t r = 0; r < rules; ++r) gains.push_back(noise(random, 24, 0));
      const auto chances = chance_of_best(gains);
      wrong += *std::min_element(chances.begin(), chances.end()) <= 0.05 ? 1 : 0;
    }
    // 15 are expected of 300; the deviation is 3.8.
    EXPECT_LE(wrong, 30) << rules;
    EXPECT_GE(wrong, 3) << rules;
  }
}

TEST(ChanceOfBest, IsLessSureTheMoreRulesWereTried) {
  Random random(3);
  std::vector<std::vector<double>> gains{noise(random, 24, 0.55)};
  const double alone = chance_of_best(gains)[0];
  for (int r = 0; r < 40; ++r) gains.push_back(noise(random, 24, 0));
  EXPECT_GT(chance_of_best(gains)[0], 2 * alone);
}

}  // namespace
}  // namespace switchyard::launcher

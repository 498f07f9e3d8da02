#include "launcher/study_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace switchyard::launcher {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

StudyPoint point(PointKind kind, const std::string& routing, double mean_k, double nll) {
  StudyPoint made;
  made.kind = kind;
  made.family = kind == PointKind::kStatic ? "static" : "some rule";
  made.routing = routing;
  made.mean_k = mean_k;
  made.nll = nll;
  return made;
}

// Static loss 4, 3, 2.8 at k = 1, 2, 3; given out of order.
std::vector<StudyPoint> static_curve() {
  return {point(PointKind::kStatic, "topk:k=3", 3, 2.8),
          point(PointKind::kStatic, "topk:k=1", 1, 4.0),
          point(PointKind::kStatic, "topk:k=2", 2, 3.0)};
}

std::vector<StudyPoint> study_of(const std::vector<StudyPoint>& others) {
  auto points = static_curve();
  points.insert(points.end(), others.begin(), others.end());
  compute_gains(points);
  return points;
}

TEST(StudyGains, AreTheDistanceBelowTheInterpolatedStaticCurve) {
  const auto points = study_of({point(PointKind::kDynamic, "a", 1.25, 3.7),
                                point(PointKind::kDynamic, "b", 2.5, 3.0),
                                point(PointKind::kDynamic, "c", 2, 2.9)});
  EXPECT_NEAR(points[3].gain.value(), 3.75 - 3.7, 1e-12);
  EXPECT_NEAR(points[4].gain.value(), 2.9 - 3.0, 1e-12);
  EXPECT_NEAR(points[5].gain.value(), 3.0 - 2.9, 1e-12);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(points[i].gain, std::nullopt);
}

TEST(StudyGains, AreNoneOutsideTheStaticCurve) {
  const auto points = study_of(
      {point(PointKind::kDynamic, "low", 0.5, 1), point(PointKind::kDynamic, "high", 3.5, 1)});
  EXPECT_EQ(points[3].gain, std::nullopt);
  EXPECT_EQ(points[4].gain, std::nullopt);
  std::vector<StudyPoint> no_curve{point(PointKind::kDynamic, "a", 1, 1)};
  compute_gains(no_curve);
  EXPECT_EQ(no_curve.front().gain, std::nullopt);
}

// `count` windows of ten tokens; those of odd number are `swing` nats per token above the point's
// own loss, the even ones as much below.
StudyPoint with_windows(StudyPoint made, std::size_t count, double swing) {
  for (std::size_t w = 0; w < count; ++w) {
    made.windows.push_back({10, 10 * (made.nll + (w % 2 == 1 ? swing : -swing))});
  }
  return made;
}

// As study_of, with windows: those of the static points lie on their losses, those of the others
// swing.
std::vector<StudyPoint> study_by_windows(const std::vector<StudyPoint>& others, std::size_t count,
                                         double swing) {
  std::vector<StudyPoint> points;
  for (const auto& fixed : static_curve()) points.push_back(with_windows(fixed, count, 0));
  for (const auto& other : others) points.push_back(with_windows(other, count, swing));
  compute_gains(points);
  return points;
}

TEST(StudyGains, HaveTheStandardErrorOfTheirWindows) {
  const auto points = study_by_windows(
      {point(PointKind::kDynamic, "a", 1.5, 3.4), point(PointKind::kPerLayer, "layers", 1.5, 3.4)},
      10, 0.3);
  // Ten gains 0.1 + 0.3 and 0.1 - 0.3: a deviation of sqrt(10 * 0.09 / 9), over sqrt(10).
  EXPECT_NEAR(points[3].gain.value(), 0.1, 1e-12);
  EXPECT_NEAR(points[3].gain_error.value(), 0.1, 1e-12);
  EXPECT_NEAR(points[4].gain_error.value(), 0.1, 1e-12);
  EXPECT_TRUE(points[3].chance.has_value());
  EXPECT_EQ(points[4].chance, std::nullopt);  // is no candidate
  EXPECT_EQ(points[0].gain_error, std::nullopt);
}

TEST(StudyVerdict, SaysThatDynamicBeatStaticAndByHowMuch) {
  const auto verdict =
      study_verdict(study_by_windows({point(PointKind::kDynamic, "worse", 1.5, 3.6),
                                      point(PointKind::kDynamic, "better", 1.5, 3.4),
                                      point(PointKind::kRandom, "random", 1.5, 3.7)},
                                     20, 0.1));
  EXPECT_THAT(verdict,
              StartsWith("Dynamic routing beat static routing here: better at 1.50 "
                         "experts per token is +0.1000 +- 0.0229 nats/token below static"));
  EXPECT_THAT(verdict, HasSubstr("for the best of 2 over 20 windows"));
  EXPECT_THAT(verdict, HasSubstr("random-k control at the same budgets: -0.2000 nats/token"));
}

// The same gain, with windows that disagree, with too few of them, and with none.
TEST(StudyVerdict, CallsWhatChanceMayDoNoVictory) {
  const std::vector<StudyPoint> better{point(PointKind::kDynamic, "better", 1.5, 3.4)};
  for (const auto& points :
       {study_by_windows(better, 20, 1.0), study_by_windows(better, 3, 0.01)}) {
    const auto verdict = study_verdict(points);
    EXPECT_THAT(verdict, StartsWith("Dynamic routing did not beat static routing here: the best, "
                                    "better at 1.50 experts per token, differs by +0.1000"));
    EXPECT_THAT(verdict, HasSubstr("within the noise (p = "));
  }
  EXPECT_THAT(study_verdict(study_of(better)), HasSubstr("too few windows"));
}

// A small gain that is sure says more than a large one that is not.
TEST(StudyVerdict, PrefersWhatIsSure) {
  auto points = study_by_windows({point(PointKind::kDynamic, "sure", 1.5, 3.45)}, 20, 0.01);
  points.push_back(with_windows(point(PointKind::kDynamic, "wild", 1.5, 3.3), 20, 3.0));
  compute_gains(points);
  EXPECT_THAT(study_verdict(points), StartsWith("Dynamic routing beat static routing here: sure"));
}

// A constant k for each layer is no dynamic rule, however good, and no part of the static curve.
TEST(StudyVerdict, KeepsLayersApartFromTokens) {
  const auto points = study_of({point(PointKind::kDynamic, "dynamic", 1.5, 3.4),
                                point(PointKind::kPerLayer, "layers", 1.5, 3.3)});
  EXPECT_NEAR(points[3].gain.value(), 0.1, 1e-12);
  EXPECT_NEAR(points[4].gain.value(), 0.2, 1e-12);
  const auto verdict = study_verdict(points);
  EXPECT_THAT(verdict, HasSubstr("static routing here: the best, dynamic at"));
  EXPECT_THAT(verdict, HasSubstr("A constant k for each layer: +0.2000."));
  EXPECT_THAT(study_csv(points), HasSubstr("per-layer,some rule,\"layers\",,1.5"));
}

TEST(StudyVerdict, SaysThatDynamicDidNotBeatStatic) {
  const auto verdict = study_verdict(study_of({point(PointKind::kDynamic, "worse", 1.5, 3.7),
                                               point(PointKind::kDynamic, "best", 1.5, 3.6)}));
  EXPECT_THAT(verdict,
              StartsWith("Dynamic routing did not beat static routing here: the best, best at 1.50 "
                         "experts per token, differs by -0.1000 nats/token."));
  EXPECT_THAT(verdict, Not(HasSubstr("random-k")));
}

// A difference of the size of rounding is no victory, however sure.
TEST(StudyVerdict, CallsRoundingNoVictory) {
  EXPECT_THAT(
      study_verdict(study_by_windows({point(PointKind::kDynamic, "a", 1.5, 3.4996)}, 20, 0.0001)),
      HasSubstr("did not beat"));
}

TEST(StudyVerdict, SaysThatNothingCouldBeCompared) {
  EXPECT_THAT(study_verdict(study_of({point(PointKind::kDynamic, "a", 9, 1)})),
              HasSubstr("No dynamic policy was measured within the static curve"));
}

TEST(StudyCsv, HasARowForEachPointUnderItsColumns) {
  auto points = study_of({point(PointKind::kDynamic, "top-p:theta=0.5,k_min=1", 1.5, 3.4),
                          point(PointKind::kRandom, "random", 2, 3.1)});
  points[3].bits_per_byte = 1.25;
  points[3].saved_vs_static = 0.25;
  points[3].tokens_per_second = 100;
  points[3].budget = 1.5;
  points[3].gain_error = 0.01;
  points[3].chance = 0.0005;
  std::istringstream csv(study_csv(points));
  std::vector<std::string> lines;
  for (std::string line; std::getline(csv, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[0],
            "kind,family,routing,budget,mean_experts,nll,bits_per_byte,saved_vs_static,"
            "tokens_per_second,gain,gain_error,chance");
  EXPECT_EQ(lines[1], "static,static,\"topk:k=3\",,3.000000,2.80000000,0.00000000,0.000000,0.0,,,");
  EXPECT_EQ(lines[4],
            "dynamic,some rule,\"top-p:theta=0.5,k_min=1\",1.5000,1.500000,3.40000000,1.25000000,"
            "0.250000,100.0,0.10000000,0.01000000,0.0005");
  EXPECT_THAT(lines[5], StartsWith("random,some rule,\"random\",,2.000000,"));
}

TEST(StudyWindowsCsv, HasTheLossOfEveryWindowOfEveryPoint) {
  EXPECT_EQ(study_windows_csv({with_windows(point(PointKind::kDynamic, "a:k=1,t=2", 1.5, 3), 2, 1),
                               with_windows(point(PointKind::kRandom, "b", 1.5, 2), 1, 0)}),
            "routing,window,tokens,nats\n\"a:k=1,t=2\",0,10,20.00000000\n"
            "\"a:k=1,t=2\",1,10,40.00000000\n\"b\",0,10,20.00000000\n");
}

}  // namespace
}  // namespace switchyard::launcher

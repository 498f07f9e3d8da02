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
  EXPECT_NEAR(points[3].gain, 3.75 - 3.7, 1e-12);
  EXPECT_NEAR(points[4].gain, 2.9 - 3.0, 1e-12);
  EXPECT_NEAR(points[5].gain, 3.0 - 2.9, 1e-12);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(points[i].gain, 0, 1e-12);
}

TEST(StudyGains, AreNoneOutsideTheStaticCurve) {
  const auto points = study_of(
      {point(PointKind::kDynamic, "low", 0.5, 1), point(PointKind::kDynamic, "high", 3.5, 1)});
  EXPECT_TRUE(points[0].inside);
  EXPECT_FALSE(points[3].inside);
  EXPECT_FALSE(points[4].inside);
  EXPECT_EQ(points[3].gain, 0);
  std::vector<StudyPoint> no_curve{point(PointKind::kDynamic, "a", 1, 1)};
  compute_gains(no_curve);
  EXPECT_FALSE(no_curve.front().inside);
}

TEST(StudyVerdict, SaysThatDynamicBeatStaticAndByHowMuch) {
  const auto verdict = study_verdict(study_of({point(PointKind::kDynamic, "worse", 1.5, 3.6),
                                               point(PointKind::kDynamic, "better", 1.5, 3.4),
                                               point(PointKind::kRandom, "random", 1.5, 3.7)}));
  EXPECT_THAT(verdict, StartsWith("Dynamic routing beat static routing here: better at 1.50 "
                                  "experts per token is 0.1000 nats/token below static"));
  EXPECT_THAT(verdict, HasSubstr("random-k control at the same budgets: -0.2000 nats/token"));
}

// A constant k for each layer is no dynamic rule, however good, and no part of the static curve.
TEST(StudyVerdict, KeepsLayersApartFromTokens) {
  const auto points = study_of({point(PointKind::kDynamic, "dynamic", 1.5, 3.4),
                                point(PointKind::kPerLayer, "layers", 1.5, 3.3)});
  EXPECT_NEAR(points[3].gain, 0.1, 1e-12);
  EXPECT_NEAR(points[4].gain, 0.2, 1e-12);
  const auto verdict = study_verdict(points);
  EXPECT_THAT(verdict, HasSubstr("static routing here: dynamic at"));
  EXPECT_THAT(verdict, HasSubstr("A constant k for each layer: +0.2000."));
  EXPECT_THAT(study_csv(points), HasSubstr("per-layer,some rule,\"layers\",1.5"));
}

TEST(StudyVerdict, SaysThatDynamicDidNotBeatStatic) {
  const auto verdict = study_verdict(study_of({point(PointKind::kDynamic, "worse", 1.5, 3.7),
                                               point(PointKind::kDynamic, "best", 1.5, 3.6)}));
  EXPECT_THAT(verdict,
              StartsWith("Dynamic routing did not beat static routing here: the best, best, "
                         "differs by -0.1000 nats/token at 1.50 experts per token."));
  EXPECT_THAT(verdict, Not(HasSubstr("random-k")));
}

// A difference of the size of rounding is no victory.
TEST(StudyVerdict, CallsNoiseNoVictory) {
  EXPECT_THAT(study_verdict(study_of({point(PointKind::kDynamic, "a", 1.5, 3.4996)})),
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
  std::istringstream csv(study_csv(points));
  std::vector<std::string> lines;
  for (std::string line; std::getline(csv, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[0],
            "kind,family,routing,mean_experts,nll,bits_per_byte,saved_vs_static,tokens_per_second,"
            "gain");
  EXPECT_THAT(lines[1], StartsWith("static,static,\"topk:k=3\",3.000000,2.80000000,"));
  EXPECT_EQ(lines[4],
            "dynamic,some rule,\"top-p:theta=0.5,k_min=1\",1.500000,3.40000000,1.25000000,"
            "0.250000,100.0,0.10000000");
  EXPECT_THAT(lines[5], StartsWith("random,some rule,\"random\",2.000000,"));
}

}  // namespace
}  // namespace switchyard::launcher

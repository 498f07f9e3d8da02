// The tables of attention: every query row of a step is worked on once over its whole context,
// whatever is cut, within the room that was given.
#include "kernels/cuda/attention_plan.h"

#include <gmock/gmock.h>

#include <map>
#include <tuple>

namespace switchyard::kernels::cuda {
namespace {

struct Stretch {
  std::uint32_t begin = 0;
  std::uint32_t count = 0;
};

struct Step {
  explicit Step(const std::vector<Stretch>& runs) {
    for (const Stretch& run : runs) tables.emplace_back((run.begin + run.count) / 64 + 1, 0U);
    for (std::size_t s = 0; s < runs.size(); ++s) {
      for (std::uint32_t i = 0; i < runs[s].count; ++i) {
        position.push_back(runs[s].begin + i);
        pages.push_back(tables[s].data());
      }
    }
  }
  [[nodiscard]] KvRows rows() const { return {position, pages}; }

  std::vector<std::vector<std::uint32_t>> tables;
  std::vector<std::uint32_t> position;
  std::vector<const std::uint32_t*> pages;
};

constexpr AttendKernel kEvery[kAttendKernels] = {
    AttendKernel::kAttend, AttendKernel::kAttendSegments, AttendKernel::kTensorFew,
    AttendKernel::kTensorMany, AttendKernel::kTensorManySegments};

std::size_t rows_at_most(AttendKernel kernel) {
  switch (kernel) {
    case AttendKernel::kTensorFew: return kTensorAttendFew;
    case AttendKernel::kTensorMany:
    case AttendKernel::kTensorManySegments: return kTensorAttendMany;
    default: return kAttendRows;
  }
}

class AttentionPlanTest : public ::testing::TestWithParam<AttendUnits> {
 protected:
  // (token, head, segment) of everything planned.
  using Place = std::tuple<std::size_t, std::size_t, std::size_t>;

  void add_item(AttendKernel kernel, const AttendItem& item, const Step& step, std::size_t group) {
    ASSERT_GT(item.rows, 0U);
    ASSERT_LE(item.rows, rows_at_most(kernel));
    for (std::uint32_t r = 0; r < item.rows; ++r) {
      const std::size_t token = item.first_token + (item.first_row + r) / group;
      const std::size_t head = item.kv_head * group + (item.first_row + r) % group;
      for (std::uint32_t s = 0; s < item.segments; ++s) {
        const std::size_t segment = item.first_segment + s;
        if (segment > step.position[token] / kSegmentTokens) continue;
        ++times_[{token, head, segment}];
        if (item.partial != kWholeContext) {
          left_in_[{token, head, segment}] = item.partial + s * item.rows + r;
        }
      }
    }
  }

  // Everything once; what is cut is folded from the partial rows where it was left.
  void check(const AttentionParams& params, const Step& step) {
    const std::size_t group = params.heads / params.kv_heads;
    times_.clear();
    left_in_.clear();
    for (const AttendKernel kernel : kEvery) {
      for (const auto& item : plan_.items(kernel)) add_item(kernel, item, step, group);
    }
    std::size_t wanted = 0;
    for (const auto position : step.position) {
      wanted += (position / kSegmentTokens + 1) * params.heads;
    }
    EXPECT_EQ(times_.size(), wanted);
    for (const auto& [place, times] : times_) ASSERT_EQ(times, 1U);
    std::size_t folded = 0;
    for (const FoldItem& fold : plan_.folds()) {
      for (std::uint32_t s = 0; s < fold.segments; ++s, ++folded) {
        ASSERT_EQ(left_in_.at({fold.token, fold.head, s}), fold.first + s * fold.step);
        ASSERT_LT(fold.first + s * fold.step, plan_.partial_rows());
      }
    }
    EXPECT_EQ(folded, left_in_.size());
  }

  AttentionPlan plan_;
  std::map<Place, std::size_t> times_;
  std::map<Place, std::size_t> left_in_;
};

TEST_P(AttentionPlanTest, CoversEveryRowOnce) {
  const std::vector<std::vector<Stretch>> steps{
      {{0, 1}}, {{5000, 1}}, {{0, 700}}, {{300, 64}}, {{0, 3}, {4000, 1}, {200, 100}, {255, 1}}};
  for (const std::size_t processors : {1U, 8U, 132U}) {
    plan_.set_processors(processors);
    for (const std::size_t room : {0U, 100U, 65536U}) {
      plan_.set_partial_rows(room);
      for (const auto& runs : steps) {
        for (const auto& [heads, kv_heads] : {std::pair{4U, 4U}, {6U, 2U}, {32U, 1U}}) {
          const Step step(runs);
          AttentionParams params;
          params.heads = heads;
          params.kv_heads = kv_heads;
          plan_.make(params, GetParam(), step.rows());
          check(params, step);
        }
      }
    }
  }
}

TEST_P(AttentionPlanTest, CutsWhatWouldLeaveTheGpuIdle) {
  plan_.set_processors(132);
  plan_.set_partial_rows(65536);
  AttentionParams params;
  params.heads = 32;
  params.kv_heads = 4;
  const Step decode({{4095, 1}});
  plan_.make(params, GetParam(), decode.rows());
  EXPECT_EQ(plan_.folds().size(), 32U);
  const Step prompt({{0, 4096}});
  plan_.make(params, GetParam(), prompt.rows());
  EXPECT_TRUE(plan_.folds().empty());
}

TEST(AttendUnits, AreTheModelsAffair) {
  EXPECT_EQ(attend_units(DType::kBf16, 128), AttendUnits::kTensor);
  EXPECT_EQ(attend_units(DType::kBf16, 130), AttendUnits::kScalar);
  EXPECT_EQ(attend_units(DType::kF32, 64), AttendUnits::kScalar);
}

INSTANTIATE_TEST_SUITE_P(Cuda, AttentionPlanTest,
                         ::testing::Values(AttendUnits::kScalar, AttendUnits::kTensor));

}  // namespace
}  // namespace switchyard::kernels::cuda

#include "kernels/op_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace switchyard::kernels {
namespace {

using ::testing::HasSubstr;

constexpr CpuFeatures kEverything{true, true, true};
constexpr CpuFeatures kNothing{};

std::string chosen(const KernelChoices& choices, const std::string& op) {
  for (const auto& choice : choices.list) {
    if (choice.op == op && choice.chosen) return choice.candidate;
  }
  return "none";
}

std::string reason(const KernelChoices& choices, const std::string& op,
                   const std::string& candidate) {
  for (const auto& choice : choices.list) {
    if (choice.op == op && choice.candidate == candidate) return choice.reason;
  }
  return "not listed";
}

TEST(OpList, TakesTheBestThatTheProcessorHas) {
  EXPECT_EQ(chosen(choose_kernels(kEverything, {}).value(), "gemm"), "avx512-bf16");
  EXPECT_EQ(chosen(choose_kernels({true, true, false}, {}).value(), "gemm"), "avx512");
  EXPECT_EQ(chosen(choose_kernels({true, false, false}, {}).value(), "gemm"), "avx2");
  EXPECT_EQ(chosen(choose_kernels(kNothing, {}).value(), "gemm"), "ref");
}

TEST(OpList, Fp32HasNoUseForBf16Products) {
  const auto choices = choose_kernels(kEverything, {Precision::kFp32, 1, "auto"}).value();
  EXPECT_EQ(chosen(choices, "gemm"), "avx512");
  EXPECT_EQ(chosen(choices, "attention"), "avx512");
}

TEST(OpList, GateIsFp32InBothPrecisions) {
  EXPECT_EQ(chosen(choose_kernels(kEverything, {}).value(), "gate"), "avx512");
}

TEST(OpList, EveryOpHasExactlyOneChoice) {
  for (const char* isa : {"auto", "avx512-bf16", "avx512", "avx2", "ref"}) {
    const auto choices = choose_kernels(kEverything, {Precision::kBf16, 1, isa}).value();
    for (const char* op : {"gemm", "gate", "attention", "rows"}) {
      int count = 0;
      for (const auto& choice : choices.list) count += choice.op == op && choice.chosen ? 1 : 0;
      EXPECT_EQ(count, 1) << op << " under " << isa;
    }
  }
}

TEST(OpList, SaysWhyABetterKernelDeclined) {
  const auto plain = choose_kernels({true, true, false}, {}).value();
  EXPECT_THAT(reason(plain, "gemm", "avx512-bf16"), HasSubstr("AVX512_BF16"));
  const auto forced = choose_kernels(kEverything, {Precision::kBf16, 1, "avx2"}).value();
  EXPECT_THAT(reason(forced, "gemm", "avx512"), HasSubstr("asks for avx2"));
  EXPECT_EQ(forced.set.isa, "avx2");
}

TEST(OpList, RefusesWhatTheProcessorLacks) {
  const auto lacking = choose_kernels(kNothing, {Precision::kBf16, 1, "avx512"});
  ASSERT_FALSE(lacking);
  EXPECT_EQ(lacking.error().code, ErrorCode::kUnsupported);
}

TEST(OpList, AnswersAnUnknownNameWithTheList) {
  const auto unknown = choose_kernels(kEverything, {Precision::kBf16, 1, "neon"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kUsage);
  EXPECT_THAT(unknown.error().message, HasSubstr("auto, avx512-bf16, avx512, avx2, ref"));
  const auto device = make_device("tpu", {});
  ASSERT_FALSE(device);
  EXPECT_THAT(device.error().message, HasSubstr("there are: cpu"));
  EXPECT_FALSE(explain_kernels("tpu", {}));
}

}  // namespace
}  // namespace switchyard::kernels

// However the panel is streamed, the bits are the same; which way suits is the processor's matter.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "kernels/cpu_features.h"
#include "kernels/op_list.h"
#include "runtime/base/dtype.h"
#include "runtime/base/random.h"

namespace switchyard::kernels {
namespace {

constexpr std::size_t kIn = 704;  // several pages of a panel, and no whole number of chunks
constexpr std::size_t kRowsMax = 27;

std::vector<std::uint16_t> random_bf16(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::uint16_t> values(count);
  for (auto& value : values) {
    const Bf16 bits = to_bf16(static_cast<float>(random.next_unit() - 0.5));
    std::memcpy(&value, &bits, sizeof(value));
  }
  return values;
}

std::vector<float> product(const GemmKernel& kernel, Stream stream, std::size_t rows) {
  const std::size_t width = kernel.panel_columns;
  const auto panel = random_bf16(kIn * width, 1);
  const auto next = random_bf16(kIn * width, 2);
  const auto x = random_bf16(rows * kIn, 3);
  std::vector<float> y(rows * width, -1.0F);
  PanelTask task;
  task.weight = reinterpret_cast<const std::byte*>(panel.data());
  task.in = kIn;
  task.width = task.columns = width;
  task.rows = rows;
  task.x = {reinterpret_cast<const std::byte*>(x.data()), kIn * 2, nullptr};
  task.y = {reinterpret_cast<std::byte*>(y.data()), width * sizeof(float), nullptr};
  task.prefetch = reinterpret_cast<const std::byte*>(next.data());
  task.stream = stream;
  kernel.run(task);
  return y;
}

TEST(GemmStream, BothWaysGiveEqualBits) {
  for (const char* isa : {"auto", "ref"}) {
    const DeviceOptions options{Precision::kBf16, 1, isa};
    const auto kernel = choose_kernels(detect_cpu_features(), options).value().set.gemm;
    for (std::size_t rows = 1; rows <= kRowsMax; ++rows) {
      const auto touched = product(kernel, Stream::kTouches, rows);
      const auto asked = product(kernel, Stream::kEveryLine, rows);
      EXPECT_EQ(std::memcmp(touched.data(), asked.data(), touched.size() * sizeof(float)), 0)
          << isa << ", " << rows << " rows";
    }
  }
}

TEST(GemmStream, EveryLineIsForHalvedProductsOfBf16) {
  const CpuFeatures zen4{true, true, true, true};
  const CpuFeatures whole{true, true, true, false};
  const auto stream = [](const CpuFeatures& features, Precision precision, const char* isa) {
    return choose_kernels(features, {precision, 1, isa}).value().set.gemm.stream;
  };
  EXPECT_EQ(stream(zen4, Precision::kBf16, "auto"), Stream::kEveryLine);
  EXPECT_EQ(stream(zen4, Precision::kBf16, "avx512"), Stream::kTouches);
  EXPECT_EQ(stream(zen4, Precision::kFp32, "auto"), Stream::kTouches);
  EXPECT_EQ(stream(whole, Precision::kBf16, "auto"), Stream::kTouches);
}

}  // namespace
}  // namespace switchyard::kernels

// What a CUDA device does beside the ops: memory that the host may not touch, tables that go round,
// errors that are kept until somebody asks.
#include "kernels/cuda/cuda_table.h"
#include "tests/conformance/kernels/kernel_fixture.h"
#include "tests/cuda_emulation/control.h"

namespace switchyard::kernels::test {
namespace {

// The device itself, not the synced one of the suite: its ops return before they are done.
class CudaDeviceTest : public ::testing::Test {
 protected:
  ~CudaDeviceTest() override {
    cuda_emulation::set_device_count(1);
    cuda_emulation::set_processor_count(132);
    cuda_emulation::set_memory_limit(SIZE_MAX);
  }
  static std::unique_ptr<Device> make() {
    return make_device("cuda", {Precision::kFp32, 1, "auto"}).value();
  }
};

TEST_F(CudaDeviceTest, WithoutAGpuTheErrorSaysSo) {
  cuda_emulation::set_device_count(0);
  const auto made = make_device("cuda", {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(made.error().message.find("GPU"), std::string::npos) << made.error().message;
  const auto choices = explain_kernels("cuda", {}).value();
  ASSERT_FALSE(choices.empty());
  EXPECT_FALSE(choices.front().chosen);
  EXPECT_EQ(choices.front().reason, made.error().message);
}

TEST_F(CudaDeviceTest, RanksOfAHostTakeItsGpusInTurn) {
  cuda_emulation::set_device_count(2);
  DeviceOptions options;
  options.rank_on_host = 3;
  const auto device = make_device("cuda", options).value();
  EXPECT_NE(device->description().find("GPU 1"), std::string::npos) << device->description();
}

TEST_F(CudaDeviceTest, MemoryStartsZeroedAndComesBack) {
  const auto device = make();
  auto memory = device->allocate(1000).value();
  const Values sent = random_values(250, 70);
  std::vector<float> got(250, 1.0F);
  const auto bytes = std::as_writable_bytes(std::span(got));
  ASSERT_TRUE(device->download(memory.data(), bytes));
  EXPECT_EQ(got, std::vector<float>(250, 0.0F));
  ASSERT_TRUE(device->upload(std::as_bytes(std::span(sent)), memory.data()));
  ASSERT_TRUE(device->download(memory.data(), bytes));
  EXPECT_TRUE(std::equal(got.begin(), got.end(), sent.begin()));
}

TEST_F(CudaDeviceTest, SaysWhenMemoryIsShort) {
  const auto device = make();
  cuda_emulation::set_memory_limit(std::size_t{1} << 20);
  const auto memory = device->allocate(std::size_t{1} << 30);
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().code, ErrorCode::kLimit);
  cuda_emulation::set_memory_limit(SIZE_MAX);
  EXPECT_TRUE(device->synchronize()) << "an allocation that failed is no fault of the device";
}

// Many ops in a row without a wait: the caller's tables are gone when the kernels run, and the ring
// of tables goes round several times.
TEST_F(CudaDeviceTest, TablesMayBeReusedAtOnce) {
  constexpr std::size_t kRows = 5000;
  constexpr std::size_t kOps = 300;
  const auto device = make();
  auto from = device->allocate_wire(kRows * sizeof(float)).value();
  auto* values = reinterpret_cast<float*>(from.data());
  for (std::size_t i = 0; i < kRows; ++i) values[i] = static_cast<float>(i);
  auto to = device->allocate_wire(kOps * sizeof(float)).value();
  std::vector<std::uint32_t> rows(kRows);
  auto sink = device->allocate(kRows * sizeof(float)).value();
  for (std::size_t op = 0; op < kOps; ++op) {
    std::fill(rows.begin(), rows.end(), static_cast<std::uint32_t>(op * 7 % kRows));
    // Large tables so that the ring fills; one row of them is kept.
    if (op % 50 == 0) {
      device->gather_rows({from.data(), DType::kF32, kRows, 1, 1}, rows,
                          {sink.data(), DType::kF32, kRows, 1, 1});
    }
    device->gather_rows({from.data(), DType::kF32, kRows, 1, 1}, std::span(rows).first(1),
                        {to.data() + op * sizeof(float), DType::kF32, 1, 1, 1});
  }
  ASSERT_TRUE(device->synchronize());
  for (std::size_t op = 0; op < kOps; ++op) {
    ASSERT_EQ(reinterpret_cast<const float*>(to.data())[op], static_cast<float>(op * 7 % kRows));
  }
}

TEST_F(CudaDeviceTest, MeasuringCeilingsKeepsNoMemory) {
  cuda_emulation::reset();                 // of what tests before have freed on other GPUs
  cuda_emulation::set_processor_count(1);  // the fewer, the faster here
  ASSERT_TRUE(cuda::measure_cuda_ceilings({}).has_value());
  EXPECT_EQ(cuda_emulation::pool_bytes_kept(), 0U);
}

// As in a decode step: what one op leaves is what the next one reads, and nobody waits between.
TEST_F(CudaDeviceTest, OpsOfAStepDoNotWait) {
  constexpr std::size_t kWidth = 64;
  constexpr std::size_t kInner = 32;
  const auto device = make();
  const Values matrix = random_values(kWidth * kWidth, 91);
  const auto weight = [&](std::size_t out, std::size_t in) {
    return WeightView{reinterpret_cast<const std::byte*>(matrix.data()), DType::kF32, out, in};
  };
  const auto packed = device->pack(weight(kWidth, kWidth)).value();
  const auto gate = device->pack_gate(weight(4, kWidth)).value();
  const auto expert =
      device->pack_expert(weight(kInner, kWidth), weight(kInner, kWidth), weight(kWidth, kInner))
          .value();
  auto gain = device->allocate(kWidth * sizeof(float)).value();
  ASSERT_TRUE(device->upload(std::as_bytes(std::span(matrix).first(kWidth)), gain.data()));
  std::vector<DeviceMemory> memory;
  for (int i = 0; i < 5; ++i) memory.push_back(device->allocate(kWidth * sizeof(float)).value());
  const auto rows = [&](std::size_t i) {
    return MutableRows{memory[i].data(), DType::kF32, 1, kWidth, kWidth};
  };
  auto ids = device->allocate_wire(sizeof(std::uint32_t)).value();
  const std::vector<std::uint32_t> row{0};
  const std::vector<std::uint32_t> begin{0, 1};
  const std::vector<ExpertGroup> groups{{expert.get(), 0, 1}};
  const std::vector<CombineSlot> slots{{memory[3].data(), 0.5F}};
  ASSERT_TRUE(device->reserve(1, 1, kWidth, kInner));
  ASSERT_TRUE(device->synchronize());
  const auto before = cuda_emulation::counters();
  for (int layer = 0; layer < 2; ++layer) {
    const auto residual = rows(0).as<float>();
    device->rmsnorm(residual, {gain.f32_span(), 1e-6F}, rows(1), rows(4).as<float>());
    device->gemm(rows(1), *packed, residual, Device::Store::kAdd);
    device->gate(rows(4).as<float>(), *gate, MatrixView<float>(memory[4].f32(), 1, 4));
    device->gather_rows(rows(1), row, rows(2));
    device->expert_ffn(rows(2), row, row, groups, rows(3));
    device->combine(begin, slots, DType::kF32, residual);
    device->convert(rows(0), rows(1));
    device->argmax(residual, {reinterpret_cast<std::uint32_t*>(ids.data()), 1});
  }
  const auto after = cuda_emulation::counters();
  EXPECT_EQ(after.host_waits, before.host_waits);
  EXPECT_EQ(after.polled_waits, before.polled_waits);
  ASSERT_TRUE(device->synchronize());
  EXPECT_EQ(cuda_emulation::counters().polled_waits, before.polled_waits + 1) << "the one wait";
  EXPECT_GE(cuda_emulation::counters().kernels, before.kernels + 16);
}

TEST_F(CudaDeviceTest, MarksArePassedInTheirOrder) {
  auto device = make_device("cuda", {});
  ASSERT_TRUE(device.has_value());
  ASSERT_TRUE(static_cast<bool>((*device)->queue()));
  std::vector<std::uint64_t> marks;
  for (int i = 0; i < 200; ++i) {  // more than are kept
    const auto mark = (*device)->mark();
    ASSERT_TRUE(mark.has_value()) << mark.error().message;
    marks.push_back(*mark);
  }
  ASSERT_TRUE((*device)->synchronize().has_value());
  for (const std::uint64_t mark : marks) EXPECT_TRUE((*device)->passed(mark).value_or(false));
}

TEST_F(CudaDeviceTest, AFaultIsReportedAndKept) {
  const auto device = make();
  auto good = device->allocate_wire(64).value();
  const std::vector<std::uint32_t> rows{0};
  auto* nowhere = reinterpret_cast<std::byte*>(std::uintptr_t{4096});
  device->gather_rows({nowhere, DType::kF32, 1, 4, 4}, rows, {good.data(), DType::kF32, 1, 4, 4});
  const auto first = device->synchronize();
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().scope, ErrorScope::kDevice);
  device->gather_rows({good.data(), DType::kF32, 1, 4, 4}, rows,
                      {good.data() + 32, DType::kF32, 1, 4, 4});
  const auto second = device->synchronize();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, first.error().message);
  cuda_emulation::reset();
}

}  // namespace
}  // namespace switchyard::kernels::test

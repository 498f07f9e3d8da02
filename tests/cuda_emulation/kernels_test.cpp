// Right kernels give right answers, in every schedule.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/cuda_emulation/device_array.h"
#include "tests/cuda_emulation/sample/sample_kernels.h"

namespace cuda_emulation {
namespace {

class KernelsTest : public EmulationTest {};

TEST_F(KernelsTest, BlockSumOverShufflesAndSharedMemory) {
  std::vector<float> x(1000);
  std::iota(x.begin(), x.end(), 1.0F);
  for (const Schedule& schedule : schedules()) {
    start(schedule);
    const DeviceArray<float> in(x);
    const DeviceArray<float> out(3);
    ASSERT_EQ(launch(3, 256, 0, sample::block_sum, in.data(), 1000, out.data()), cudaSuccess);
    const auto sums = out.read();
    EXPECT_EQ(sums[0] + sums[1] + sums[2], 500500.0F);
  }
}

TEST_F(KernelsTest, DynamicSharedMemory) {
  std::vector<int> values(300);
  std::iota(values.begin(), values.end(), 0);
  for (const Schedule& schedule : schedules()) {
    start(schedule);
    const DeviceArray<int> array(values);
    ASSERT_EQ(launch(3, 100, 100 * sizeof(int), sample::reverse_blocks, array.data()), cudaSuccess);
    const auto reversed = array.read();
    for (int i = 0; i < 300; ++i) {
      ASSERT_EQ(reversed[static_cast<std::size_t>(i)], i / 100 * 100 + 99 - i % 100);
    }
  }
}

TEST_F(KernelsTest, ShufflesVotesAndCounts) {
  for (const Schedule& schedule : schedules()) {
    start(schedule);
    const DeviceArray<int> out(6 * 32);
    ASSERT_EQ(launch(1, 32, 0, sample::all_shuffles, out.data()), cudaSuccess);
    const auto got = out.read();
    for (int lane = 0; lane < 32; ++lane) {
      const int* mine = got.data() + 6 * lane;
      EXPECT_EQ(mine[0], 5);
      EXPECT_EQ(mine[1], lane % 16 >= 3 ? lane - 3 : lane);
      EXPECT_EQ(mine[2], lane % 8 < 5 ? lane + 3 : lane);
      EXPECT_EQ(mine[3], lane ^ 1);
      EXPECT_EQ(mine[4], 0x49249249);
      EXPECT_EQ(mine[5], 1);
    }
    const DeviceArray<int> even(65);
    ASSERT_EQ(launch(1, 65, 0, sample::count_even, even.data()), cudaSuccess);
    EXPECT_EQ(even.read(), std::vector<int>(65, 33));
  }
}

TEST_F(KernelsTest, IndicesInThreeDimensions) {
  const dim3 grid(2, 3, 4);
  const dim3 block(4, 2, 3);
  const std::size_t count = 24 * 24;
  const DeviceArray<uint3> thread(count);
  const DeviceArray<uint3> block_of(count);
  ASSERT_EQ(launch(grid, block, 0, sample::who_am_i, thread.data(), block_of.data()), cudaSuccess);
  const auto threads = thread.read();
  const auto blocks = block_of.read();
  EXPECT_EQ(threads[23].x, 3U);
  EXPECT_EQ(threads[23].y, 1U);
  EXPECT_EQ(threads[23].z, 2U);
  EXPECT_EQ(blocks[count - 1].x, 1U);
  EXPECT_EQ(blocks[count - 1].y, 2U);
  EXPECT_EQ(blocks[count - 1].z, 3U);
}

TEST_F(KernelsTest, AtomicsCountExactlyAndSchedulesDiffer) {
  std::set<std::vector<unsigned int>> orders;
  for (const Schedule& schedule : schedules()) {
    start(schedule);
    const DeviceArray<unsigned int> counter(std::vector<unsigned int>{0});
    const DeviceArray<unsigned int> tickets(128);
    ASSERT_EQ(launch(2, 64, 0, sample::draw_tickets, counter.data(), tickets.data()), cudaSuccess);
    auto drawn = tickets.read();
    orders.insert(drawn);
    EXPECT_EQ(counter.read()[0], 128U);
    std::ranges::sort(drawn);
    for (unsigned int i = 0; i < 128; ++i) ASSERT_EQ(drawn[i], i);
  }
  EXPECT_EQ(orders.size(), schedules().size()) << "every schedule draws in an order of its own";
}

TEST_F(KernelsTest, TheSameSeedGivesTheSameSchedule) {
  std::set<std::vector<unsigned int>> orders;
  for (int again = 0; again < 2; ++again) {
    start({Order::kRandom, Progress::kRandom, 42});
    const DeviceArray<unsigned int> counter(std::vector<unsigned int>{0});
    const DeviceArray<unsigned int> tickets(128);
    ASSERT_EQ(launch(2, 64, 0, sample::draw_tickets, counter.data(), tickets.data()), cudaSuccess);
    orders.insert(tickets.read());
  }
  EXPECT_EQ(orders.size(), 1U);
}

// Canaries: races that the schedules must show. A schedule that hides one is fine, all five are
// not.
TEST_F(KernelsTest, AMissingBarrierShowsInSomeSchedule) {
  std::vector<int> in(64);
  std::iota(in.begin(), in.end(), 100);
  std::vector<int> right(in);
  std::rotate(right.begin(), right.begin() + 1, right.end());
  int wrong = 0;
  for (const Schedule& schedule : schedules()) {
    start(schedule);
    const DeviceArray<int> from(in);
    const DeviceArray<int> to(64);
    ASSERT_EQ(launch(1, 64, 0, sample::neighbour_without_barrier, from.data(), to.data()),
              cudaSuccess);
    if (to.read() != right) ++wrong;
  }
  EXPECT_GT(wrong, 0);
}

TEST_F(KernelsTest, ALostUpdateShowsInSomeSchedule) {
  int wrong = 0;
  for (const Schedule& schedule : schedules()) {
    start(schedule);
    const DeviceArray<int> counter(std::vector<int>{0});
    ASSERT_EQ(launch(1, 64, 0, sample::lost_updates, counter.data()), cudaSuccess);
    if (counter.read()[0] != 64) ++wrong;
  }
  EXPECT_GT(wrong, 0);
}

TEST_F(KernelsTest, LaunchLimitsAreTheDrivers) {
  const DeviceArray<int> out(1);
  EXPECT_EQ(launch(1, 1025, 0, sample::count_even, out.data()), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(0, 32, 0, sample::count_even, out.data()), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(dim3(1, 65536), 32, 0, sample::count_even, out.data()),
            cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(1, 32, 49153, sample::overrun_dynamic, 0), cudaErrorInvalidValue);
  ASSERT_EQ(cudaFuncSetAttribute(sample::overrun_dynamic,
                                 cudaFuncAttributeMaxDynamicSharedMemorySize, 232448),
            cudaSuccess);
  EXPECT_EQ(launch(1, 32, 232448, sample::overrun_dynamic, 0), cudaSuccess);
  EXPECT_EQ(cudaFuncSetAttribute(sample::overrun_dynamic,
                                 cudaFuncAttributeMaxDynamicSharedMemorySize, 232449),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

}  // namespace
}  // namespace cuda_emulation

// Wrong kernels and wrong host code are named: kernel, block, thread and what was wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cuda_emulation/device_array.h"
#include "tests/cuda_emulation/sample/sample_kernels.h"

namespace cuda_emulation {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class FaultsTest : public EmulationTest {
 protected:
  // The error of a kernel comes with the wait, stays, and goes with a reset of the device.
  static void expect_fault(cudaError_t code, const ::testing::Matcher<const std::string&>& text) {
    EXPECT_EQ(cudaDeviceSynchronize(), code);
    EXPECT_THAT(last_fault(), text);
    void* pointer = nullptr;
    EXPECT_EQ(cudaMalloc(&pointer, 16), code) << "a fault is sticky";
    EXPECT_EQ(cudaGetLastError(), code);
    EXPECT_EQ(cudaGetLastError(), code);
    EXPECT_EQ(cudaDeviceReset(), cudaSuccess);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
    EXPECT_EQ(cudaMalloc(&pointer, 16), cudaSuccess);
  }
};

TEST_F(FaultsTest, ABarrierThatSomeThreadsSkip) {
  for (const Schedule& schedule : schedules()) {
    start(schedule);
    const DeviceArray<int> out(64);
    static_cast<void>(launch(2, 64, 0, sample::skip_barrier, out.data()));
    expect_fault(cudaErrorLaunchFailure,
                 AllOf(HasSubstr("skip_barrier"), HasSubstr("16 of 64 threads wait at the barrier"),
                       HasSubstr("sample_kernels.cu:"), HasSubstr("48 threads have ended")));
  }
}

TEST_F(FaultsTest, TwoBarriersInOneBlock) {
  for (const Schedule& schedule : schedules()) {
    start(schedule);
    const DeviceArray<int> out(64);
    static_cast<void>(launch(1, 64, 0, sample::differ_barriers, out.data()));
    expect_fault(cudaErrorLaunchFailure, HasSubstr("must come to the same one"));
  }
}

TEST_F(FaultsTest, LanesOfAMaskThatNeverCome) {
  const DeviceArray<int> out(64);
  static_cast<void>(launch(1, 64, 0, sample::miss_lanes, out.data()));
  expect_fault(cudaErrorLaunchFailure,
               AllOf(HasSubstr("lanes 0x55555555 wait at"), HasSubstr("for lanes 0xaaaaaaaa"),
                     HasSubstr("32 of 64 threads wait at the barrier")));
}

TEST_F(FaultsTest, ALaneOutsideOfTheMask) {
  {
    const DeviceArray<int> out(32);
    static_cast<void>(launch(1, 32, 0, sample::read_outside_mask, out.data()));
    expect_fault(cudaErrorLaunchFailure, HasSubstr("reads lane 9, which is not in the mask"));
  }
  const DeviceArray<int> out(32);
  static_cast<void>(launch(1, 32, 0, sample::mask_without_self, out.data()));
  expect_fault(cudaErrorLaunchFailure, HasSubstr("which does not have its own lane"));
}

TEST_F(FaultsTest, OutOfBounds) {
  {
    const DeviceArray<float> values(1024);
    static_cast<void>(launch(2, 32, 0, sample::store_at, values.data(), 1024L));
    expect_fault(cudaErrorIllegalAddress,
                 AllOf(HasSubstr("store_at"), HasSubstr("block (0,0,0) thread (3,0,0)"),
                       HasSubstr("0 bytes behind the end of allocation"),
                       HasSubstr("(4096 bytes, device 0)")));
  }
  {
    const DeviceArray<float> values(1024);
    const DeviceArray<float> out(1);
    static_cast<void>(launch(1, 1, 0, sample::load_at, values.data(), 1100L, out.data()));
    expect_fault(cudaErrorIllegalAddress, HasSubstr("304 bytes behind the end"));
  }
  {
    const DeviceArray<float> values(10);  // within the alignment: seen when the kernel has ended
    static_cast<void>(launch(1, 32, 0, sample::store_at, values.data(), 10L));
    expect_fault(cudaErrorIllegalAddress, HasSubstr("wrote at byte 40 of allocation"));
  }
  const DeviceArray<float> values(10);
  static_cast<void>(launch(1, 32, 0, sample::store_at, values.data(), -1L));
  expect_fault(cudaErrorIllegalAddress, HasSubstr("wrote at byte -4 of allocation"));
}

TEST_F(FaultsTest, NullFreedAndUnknownAddresses) {
  static_cast<void>(launch(1, 32, 0, sample::store_at, static_cast<float*>(nullptr), 0L));
  expect_fault(cudaErrorIllegalAddress, HasSubstr("null pointer"));
  float* freed = nullptr;
  ASSERT_EQ(cudaMalloc(&freed, 512), cudaSuccess);
  ASSERT_EQ(cudaFree(freed), cudaSuccess);
  static_cast<void>(launch(1, 32, 0, sample::store_at, freed, 5L));
  expect_fault(cudaErrorIllegalAddress, AllOf(HasSubstr("byte 20 of"), HasSubstr("was freed")));
}

TEST_F(FaultsTest, MisalignedAndIndexChecks) {
  {
    const DeviceArray<char> bytes(64);
    const DeviceArray<float4> out(1);
    static_cast<void>(launch(1, 1, 0, sample::load_misaligned, bytes.data(), out.data()));
    expect_fault(cudaErrorMisalignedAddress, HasSubstr("load_misaligned"));
  }
  const DeviceArray<int> out(1);
  static_cast<void>(launch(1, 8, 0, sample::shared_index, 8, out.data()));
  expect_fault(cudaErrorMisalignedAddress, HasSubstr("an array index out of range"));
}

TEST_F(FaultsTest, DynamicSharedMemoryOverrun) {
  ASSERT_EQ(launch(1, 1, 64, sample::overrun_dynamic, 15), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  static_cast<void>(launch(1, 1, 64, sample::overrun_dynamic, 16));
  expect_fault(cudaErrorIllegalAddress,
               HasSubstr("dynamic shared memory of 64 bytes was written at byte 64"));
}

TEST_F(FaultsTest, StackAndTrap) {
  {
    const DeviceArray<int> depth(std::vector<int>{1000});
    static_cast<void>(launch(1, 1, 0, sample::recurse, depth.data()));
    expect_fault(cudaErrorLaunchFailure, HasSubstr("runs out of stack"));
  }
  const DeviceArray<int> flag(std::vector<int>{1});
  static_cast<void>(launch(1, 32, 0, sample::trap_if, flag.data()));
  expect_fault(cudaErrorLaunchFailure, HasSubstr("thread (2,0,0): trap at"));
}

TEST_F(FaultsTest, WorkBehindAFaultDoesNotRun) {
  const DeviceArray<float> values(1024);
  int* pinned = nullptr;
  ASSERT_EQ(cudaHostAlloc(&pinned, sizeof(int), cudaHostAllocDefault), cudaSuccess);
  *pinned = 7;
  static_cast<void>(launch(1, 32, 0, sample::store_at, values.data(), 1024L));
  static_cast<void>(launch(1, 1, 0, sample::add_one, pinned, 1));
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  EXPECT_EQ(*pinned, 7);
}

using FaultsDeathTest = FaultsTest;

TEST_F(FaultsDeathTest, HostCodeThatTouchesDeviceMemory) {
  const DeviceArray<int> values(std::vector<int>{1, 2, 3});
  const volatile int* data = values.data();
  EXPECT_DEATH(static_cast<void>(data[1]),
               "host code touched device memory: byte 4 of allocation [0-9]+ .12 bytes, device 0.");
}

TEST_F(FaultsDeathTest, HostCodeAfterAKernelHasRun) {
  const DeviceArray<int> values(std::vector<int>{1, 2, 3});
  ASSERT_EQ(launch(1, 3, 0, sample::add_one, values.data(), 3), cudaSuccess);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  volatile int* data = values.data();
  EXPECT_DEATH(data[2] = 4, "host code touched device memory: byte 8");
}

}  // namespace
}  // namespace cuda_emulation

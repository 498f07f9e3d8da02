// Streams run in order, events order streams, and what is missing between them shows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "tests/cuda_emulation/device_array.h"
#include "tests/cuda_emulation/sample/sample_kernels.h"

namespace cuda_emulation {
namespace {

class StreamsTest : public EmulationTest {
 protected:
  static cudaStream_t make_stream(unsigned int flags = cudaStreamNonBlocking) {
    cudaStream_t stream = nullptr;
    EXPECT_EQ(cudaStreamCreateWithFlags(&stream, flags), cudaSuccess);
    return stream;
  }
  static cudaEvent_t make_event() {
    cudaEvent_t event = nullptr;
    EXPECT_EQ(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
    return event;
  }
  template <typename... Parameters, typename... Arguments>
  static void launch_on(cudaStream_t stream, void (*kernel)(Parameters...),
                        Arguments... arguments) {
    cudaLaunchConfig_t config;
    config.gridDim = 1;
    config.blockDim = 32;
    config.stream = stream;
    ASSERT_EQ(cudaLaunchKernelEx(&config, kernel, arguments...), cudaSuccess);
  }
  template <typename T>
  static T* pinned(std::size_t count) {
    T* data = nullptr;
    EXPECT_EQ(cudaHostAlloc(&data, count * sizeof(T), cudaHostAllocDefault), cudaSuccess);
    return data;
  }
  // value 1 made on one stream, read by another; 2 is what a right program reads.
  static int produce_and_consume(bool wait) {
    const DeviceArray<int> value(std::vector<int>{1});
    int* seen = pinned<int>(1);
    cudaStream_t producer = make_stream();
    cudaStream_t consumer = make_stream();
    cudaEvent_t made = make_event();
    launch_on(producer, sample::add_one, value.data(), 1);
    EXPECT_EQ(cudaEventRecord(made, producer), cudaSuccess);
    if (wait) {
      EXPECT_EQ(cudaStreamWaitEvent(consumer, made, 0), cudaSuccess);
    }
    EXPECT_EQ(cudaMemcpyAsync(seen, value.data(), sizeof(int), cudaMemcpyDeviceToHost, consumer),
              cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(consumer), cudaSuccess);
    const int result = *seen;
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    return result;
  }
};

TEST_F(StreamsTest, AWaitForAnEventOrdersTwoStreams) {
  for (const Schedule& schedule : schedules()) {
    start(schedule);
    EXPECT_EQ(produce_and_consume(true), 2);
  }
}

TEST_F(StreamsTest, AMissingWaitShowsInSomeSchedule) {
  int wrong = 0;
  for (const Schedule& schedule : schedules()) {
    start(schedule);
    if (produce_and_consume(false) != 2) ++wrong;
  }
  EXPECT_GT(wrong, 0);
}

TEST_F(StreamsTest, AnEventIsThePlaceOfItsLastRecord) {
  const DeviceArray<int> value(std::vector<int>{0});
  cudaStream_t stream = make_stream();
  cudaEvent_t event = make_event();
  EXPECT_EQ(cudaEventQuery(event), cudaSuccess) << "never recorded";
  EXPECT_EQ(cudaEventRecord(event, stream), cudaSuccess);
  launch_on(stream, sample::add_one, value.data(), 1);
  EXPECT_EQ(cudaEventSynchronize(event), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(stream), cudaSuccess) << "asking runs one piece: the kernel";
  launch_on(stream, sample::add_one, value.data(), 1);
  launch_on(stream, sample::add_one, value.data(), 1);
  EXPECT_EQ(cudaEventRecord(event, stream), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(event), cudaErrorNotReady);
  EXPECT_EQ(cudaGetLastError(), cudaErrorNotReady) << "as on the real runtime";
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(cudaEventSynchronize(event), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(event), cudaSuccess);
  EXPECT_EQ(value.read()[0], 3);
}

TEST_F(StreamsTest, PollingMakesProgressInEverySchedule) {
  for (const Schedule& schedule : schedules()) {
    start(schedule);
    const DeviceArray<int> value(std::vector<int>{0});
    cudaStream_t stream = make_stream();
    cudaEvent_t event = make_event();
    for (int i = 0; i < 20; ++i) launch_on(stream, sample::add_one, value.data(), 1);
    ASSERT_EQ(cudaEventRecord(event, stream), cudaSuccess);
    int polls = 0;
    while (cudaEventQuery(event) == cudaErrorNotReady) ASSERT_LT(++polls, 1000);
    EXPECT_EQ(value.read()[0], 20);
  }
}

TEST_F(StreamsTest, PinnedMemoryIsReadLateAndPageableMemoryAtTheCall) {
  start({Order::kAscending, Progress::kLate, 1});
  cudaStream_t stream = make_stream();
  const DeviceArray<int> late(1);
  const DeviceArray<int> staged(1);
  int* source = pinned<int>(1);
  int pageable = 5;
  *source = 5;
  ASSERT_EQ(cudaMemcpyAsync(late.data(), source, 4, cudaMemcpyHostToDevice, stream), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(staged.data(), &pageable, 4, cudaMemcpyHostToDevice, stream),
            cudaSuccess);
  *source = 6;  // the mistake that this shows
  pageable = 6;
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(late.read()[0], 6);
  EXPECT_EQ(staged.read()[0], 5);
  int back = 0;
  ASSERT_EQ(cudaMemcpyAsync(&back, late.data(), 4, cudaMemcpyDeviceToHost, stream), cudaSuccess);
  EXPECT_EQ(back, 6) << "a copy into pageable memory is waited for";
}

TEST_F(StreamsTest, TheLegacyDefaultStreamOrdersBlockingStreamsOnly) {
  start({Order::kAscending, Progress::kLate, 1});
  const DeviceArray<int> value(std::vector<int>{0});
  launch_on(make_stream(cudaStreamDefault), sample::add_one, value.data(), 1);
  launch_on(make_stream(cudaStreamNonBlocking), sample::add_one, value.data(), 1);
  EXPECT_EQ(value.read()[0], 1)
      << "the blocking stream's work ran before the copy, the other's not";
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(value.read()[0], 2);
}

TEST_F(StreamsTest, ADestroyedStreamStillRunsItsWork) {
  const DeviceArray<int> value(std::vector<int>{0});
  cudaStream_t stream = make_stream();
  launch_on(stream, sample::add_one, value.data(), 1);
  ASSERT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(stream), cudaErrorInvalidResourceHandle);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(value.read()[0], 1);
}

TEST_F(StreamsTest, RowsOfAPitchedCopy) {
  std::vector<int> host(12);
  std::iota(host.begin(), host.end(), 0);
  const DeviceArray<int> device(std::vector<int>(20, -1));
  ASSERT_EQ(cudaMemcpy2DAsync(device.data() + 1, 20, host.data(), 12, 12, 4, cudaMemcpyHostToDevice,
                              nullptr),
            cudaSuccess);
  EXPECT_EQ(device.read(), (std::vector<int>{-1, 0, 1, 2, -1, -1, 3, 4,  5,  -1,
                                             -1, 6, 7, 8, -1, -1, 9, 10, 11, -1}));
  EXPECT_EQ(
      cudaMemcpy2DAsync(device.data(), 8, host.data(), 12, 12, 4, cudaMemcpyHostToDevice, nullptr),
      cudaErrorInvalidPitchValue);
}

TEST_F(StreamsTest, CopiesCheckTheirRangesAndDirections) {
  const DeviceArray<int> device(4);
  std::vector<int> host(8);
  EXPECT_EQ(cudaMemcpy(device.data(), host.data(), 20, cudaMemcpyHostToDevice),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(device.data(), host.data(), 16, cudaMemcpyDeviceToHost),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host.data(), device.data(), 16, cudaMemcpyDefault), cudaSuccess);
  EXPECT_EQ(host[0], -1) << "fresh device memory is poisoned";
  EXPECT_EQ(cudaMemsetAsync(device.data(), 0, 17), cudaErrorInvalidValue);
}

TEST_F(StreamsTest, MemoryFreedInAStreamIsGoneForOthers) {
  start({Order::kAscending, Progress::kLate, 1});
  cudaStream_t stream = make_stream();
  cudaStream_t other = make_stream();
  int* memory = nullptr;
  ASSERT_EQ(cudaMallocAsync(&memory, 4, stream), cudaSuccess);
  launch_on(stream, sample::add_one, memory, 1);
  ASSERT_EQ(cudaFreeAsync(memory, stream), cudaSuccess);
  launch_on(other, sample::add_one, memory, 1);
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(other), cudaErrorIllegalAddress);
  EXPECT_THAT(last_fault(), ::testing::HasSubstr("was freed"));
}

TEST_F(StreamsTest, HostFunctionsRunInOrderAndMayNotCallTheRuntime) {
  struct Seen {
    cudaError_t error = cudaSuccess;
    int calls = 0;
  } seen;
  cudaStream_t stream = make_stream();
  const auto note = [](void* data) {
    auto* into = static_cast<Seen*>(data);
    void* memory = nullptr;
    into->error = cudaMalloc(&memory, 4);
    ++into->calls;
  };
  ASSERT_EQ(cudaLaunchHostFunc(stream, note, &seen), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(seen.calls, 1);
  EXPECT_EQ(seen.error, cudaErrorNotPermitted);
}

TEST_F(StreamsTest, DevicesHaveStreamsAndFaultsOfTheirOwn) {
  start({}, 2);
  const DeviceArray<float> values(1024);
  ASSERT_EQ(launch(1, 32, 0, sample::store_at, values.data(), 1024L), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaSetDevice(1), cudaErrorIllegalAddress) << "the failed device is current";
  ASSERT_EQ(cudaDeviceReset(), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  cudaStream_t stream = make_stream();
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  cudaLaunchConfig_t config;
  config.stream = stream;
  EXPECT_EQ(cudaLaunchKernelEx(&config, sample::add_one, static_cast<int*>(nullptr), 0),
            cudaErrorInvalidResourceHandle)
      << "a stream of another device";
}

TEST_F(StreamsTest, WithoutADeviceEveryCallSaysSo) {
  start({}, 1);
  set_device_count(0);
  int count = 7;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  EXPECT_EQ(count, 0);
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorNoDevice);
  set_device_count(1);
  set_memory_limit(4096);
  EXPECT_EQ(cudaMalloc(&memory, 8192), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  set_memory_limit(std::size_t{4} << 30);
}

}  // namespace
}  // namespace cuda_emulation

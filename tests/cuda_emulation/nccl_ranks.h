// tests/cuda_emulation/nccl_ranks.h -- what tests of the emulated NCCL share: ranks as threads, and
// waiting. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <vector>

#include "tests/cuda_emulation/device_array.h"
#include "tests/cuda_emulation/nccl_control.h"

namespace cuda_emulation {

class NcclTest : public EmulationTest {
 protected:
  void SetUp() override {
    EmulationTest::SetUp();
    set_peer_loss(PeerLoss::kReported);
    set_nccl_polls(2);
  }
  void TearDown() override {
    for (std::size_t point = 0; point < kNcclPoints; ++point) {
      fail_nccl_at(static_cast<NcclPoint>(point), ncclSuccess);
    }
    set_nccl_local_register(LocalRegister::kOn);
    EmulationTest::TearDown();
  }

  // body(rank) on one thread per rank, each with a device of its own.
  static void on_ranks(int ranks, const std::function<void(int)>& body) {
    start(schedule(), ranks);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < ranks; ++rank) {
      threads.emplace_back([rank, &body] {
        ASSERT_EQ(cudaSetDevice(rank), cudaSuccess);
        body(rank);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  static ncclResult_t poll(ncclComm_t comm) {
    ncclResult_t error = ncclInternalError;
    EXPECT_EQ(ncclCommGetAsyncError(comm, &error), ncclSuccess);
    return error;
  }
  static ncclResult_t settle(ncclComm_t comm) {
    ncclResult_t error = ncclInProgress;
    while (error == ncclInProgress) error = poll(comm);
    return error;
  }
  static ncclConfig_t non_blocking() {
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    return config;
  }
  static ncclComm_t join(const ncclUniqueId& id, int ranks, int rank) {
    ncclConfig_t config = non_blocking();
    ncclComm_t comm = nullptr;
    EXPECT_EQ(ncclCommInitRankConfig(&comm, ranks, id, rank, &config), ncclInProgress);
    EXPECT_EQ(settle(comm), ncclSuccess);
    return comm;
  }
  static ncclUniqueId new_id() {
    ncclUniqueId id{};
    EXPECT_EQ(ncclGetUniqueId(&id), ncclSuccess);
    return id;
  }
  // Ends a group and waits until its transfers are queued.
  static ncclResult_t end_group(ncclComm_t comm) {
    const ncclResult_t answer = ncclGroupEnd();
    return answer == ncclInProgress ? settle(comm) : answer;
  }
  // Polls the stream until it is done or the communicator has an error.
  static ncclResult_t await(ncclComm_t comm, cudaStream_t stream) {
    for (;;) {
      if (cudaStreamQuery(stream) == cudaSuccess) return ncclSuccess;
      static_cast<void>(cudaGetLastError());
      if (const ncclResult_t error = poll(comm); error != ncclSuccess) return error;
    }
  }
};

}  // namespace cuda_emulation

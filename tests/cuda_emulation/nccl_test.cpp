// The emulated NCCL between threads and between processes: what it moves, and what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "tests/cuda_emulation/nccl_ranks.h"

namespace cuda_emulation {
namespace {

using ::testing::HasSubstr;

// Rank r sends 1000 * r + 10 * to + i to every rank; the counts differ per pair and some are zero.
void exchange_rows(ncclComm_t comm, int ranks, int rank, std::vector<int>* received) {
  const auto count = [](int from, int to) {
    return static_cast<std::size_t>((from + 2 * to) % 4) * 9000;  // more than a ring holds
  };
  const auto value = [](int from, int to, std::size_t i) {
    return 100000000 * from + 10000000 * to + static_cast<int>(i);
  };
  std::vector<int> out;
  std::size_t in_count = 0;
  for (int peer = 0; peer < ranks; ++peer) {
    for (std::size_t i = 0; i < count(rank, peer); ++i) out.push_back(value(rank, peer, i));
    in_count += count(peer, rank);
  }
  out.push_back(0);
  const DeviceArray<int> send(out);
  const DeviceArray<int> receive(in_count + 1);
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  std::size_t out_at = 0;
  std::size_t in_at = 0;
  ASSERT_EQ(ncclGroupStart(), ncclSuccess);
  for (int peer = 0; peer < ranks; ++peer) {
    ASSERT_EQ(ncclSend(send.data() + out_at, count(rank, peer), ncclInt32, peer, comm, stream),
              ncclSuccess);
    ASSERT_EQ(ncclRecv(receive.data() + in_at, count(peer, rank), ncclInt32, peer, comm, stream),
              ncclSuccess);
    out_at += count(rank, peer);
    in_at += count(peer, rank);
  }
  ncclResult_t answer = ncclGroupEnd();
  while (answer == ncclInProgress) ASSERT_EQ(ncclCommGetAsyncError(comm, &answer), ncclSuccess);
  ASSERT_EQ(answer, ncclSuccess);
  ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  *received = receive.read();
  received->pop_back();
  std::size_t at = 0;
  for (int peer = 0; peer < ranks; ++peer) {
    for (std::size_t i = 0; i < count(peer, rank); ++i) {
      ASSERT_EQ((*received)[at++], value(peer, rank, i));
    }
  }
}

TEST_F(NcclTest, GroupedRowsBetweenThreadsInEverySchedule) {
  for (const Schedule& each : schedules()) {
    set_schedule(each);
    const ncclUniqueId id = new_id();
    on_ranks(3, [&](int rank) {
      std::vector<int> received;
      ncclComm_t comm = join(id, 3, rank);
      exchange_rows(comm, 3, rank, &received);
      EXPECT_EQ(ncclCommDestroy(comm), ncclSuccess);
    });
  }
}

TEST_F(NcclTest, CountsByAllToAll) {
  const ncclUniqueId id = new_id();
  on_ranks(4, [&](int rank) {
    ncclComm_t comm = join(id, 4, rank);
    const DeviceArray<int> send(std::vector<int>{rank, 10 + rank, 20 + rank, 30 + rank});
    const DeviceArray<int> receive(4);
    ncclResult_t answer = ncclAlltoAll(send.data(), receive.data(), 1, ncclInt32, comm, nullptr);
    if (answer == ncclInProgress) answer = settle(comm);
    ASSERT_EQ(answer, ncclSuccess);
    EXPECT_EQ(receive.read(),
              (std::vector<int>{10 * rank, 10 * rank + 1, 10 * rank + 2, 10 * rank + 3}));
  });
}

TEST_F(NcclTest, ANonBlockingGroupIsQueuedOnlyAfterItsPolls) {
  const ncclUniqueId id = new_id();
  ncclComm_t comm = join(id, 1, 0);
  const DeviceArray<int> from(std::vector<int>{7});
  const DeviceArray<int> to(std::vector<int>{1});
  ASSERT_EQ(ncclGroupStart(), ncclSuccess);
  ASSERT_EQ(ncclSend(from.data(), 1, ncclInt32, 0, comm, nullptr), ncclSuccess);
  ASSERT_EQ(ncclRecv(to.data(), 1, ncclInt32, 0, comm, nullptr), ncclSuccess);
  ASSERT_EQ(ncclGroupEnd(), ncclInProgress);
  EXPECT_EQ(to.read()[0], 1) << "waiting for the stream before the polls waits for nothing";
  EXPECT_EQ(ncclSend(from.data(), 1, ncclInt32, 0, comm, nullptr), ncclInvalidUsage);
  EXPECT_THAT(last_nccl_complaint(), HasSubstr("while a call is in progress"));
  EXPECT_EQ(settle(comm), ncclSuccess);
  EXPECT_EQ(to.read()[0], 7);
}

TEST_F(NcclTest, MismatchedCountsAreNamed) {
  const ncclUniqueId id = new_id();
  std::array<ncclResult_t, 2> answers{};
  on_ranks(2, [&](int rank) {
    ncclComm_t comm = join(id, 2, rank);
    const DeviceArray<int> data(8);
    ASSERT_EQ(ncclGroupStart(), ncclSuccess);
    ASSERT_EQ(rank == 0 ? ncclSend(data.data(), 4, ncclInt32, 1, comm, nullptr)
                        : ncclRecv(data.data(), 5, ncclInt32, 0, comm, nullptr),
              ncclSuccess);
    ASSERT_EQ(end_group(comm), ncclSuccess);
    answers[static_cast<std::size_t>(rank)] = await(comm, nullptr);
    EXPECT_EQ(ncclCommAbort(comm), ncclSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess) << "an abort frees the stream";
  });
  EXPECT_EQ(answers[0], ncclRemoteError);
  EXPECT_EQ(answers[1], ncclInvalidUsage);
}

TEST_F(NcclTest, AnotherOrderIsNamed) {
  const ncclUniqueId id = new_id();
  std::array<ncclResult_t, 2> answers{};
  on_ranks(2, [&](int rank) {
    ncclComm_t comm = join(id, 2, rank);
    const DeviceArray<int> data(std::vector<int>(8));
    const DeviceArray<int> into(8);
    ncclResult_t answer = ncclSuccess;
    if (rank == 0) {
      answer = ncclAlltoAll(data.data(), into.data(), 1, ncclInt32, comm, nullptr);
    } else {
      answer = ncclRecv(into.data(), 1, ncclInt32, 0, comm, nullptr);
    }
    if (answer == ncclInProgress) answer = settle(comm);
    ASSERT_EQ(answer, ncclSuccess);
    answers[static_cast<std::size_t>(rank)] = await(comm, nullptr);
    EXPECT_EQ(ncclCommAbort(comm), ncclSuccess);
  });
  EXPECT_EQ(answers[1], ncclInvalidUsage);
  EXPECT_EQ(answers[0], ncclRemoteError);
  EXPECT_THAT(last_nccl_complaint(), HasSubstr("rank"));
}

TEST_F(NcclTest, APeerThatNeverPostsLeavesTheStreamBusyUntilTheAbort) {
  const ncclUniqueId id = new_id();
  on_ranks(2, [&](int rank) {
    ncclComm_t comm = join(id, 2, rank);
    if (rank == 1) return;  // stays, and says nothing
    const DeviceArray<int> data(4);
    ncclResult_t answer = ncclRecv(data.data(), 4, ncclInt32, 1, comm, nullptr);
    if (answer == ncclInProgress) answer = settle(comm);
    ASSERT_EQ(answer, ncclSuccess);
    for (int look = 0; look < 100; ++look) {
      ASSERT_EQ(cudaStreamQuery(nullptr), cudaErrorNotReady);
      ASSERT_EQ(poll(comm), ncclSuccess);
    }
    ASSERT_EQ(ncclCommAbort(comm), ncclSuccess);
    EXPECT_EQ(cudaStreamSynchronize(nullptr), cudaSuccess);
    EXPECT_EQ(ncclSend(data.data(), 1, ncclInt32, 1, comm, nullptr), ncclInvalidUsage);
    EXPECT_EQ(ncclCommAbort(comm), ncclInvalidUsage);
  });
}

TEST_F(NcclTest, AnAbortMayReturnBeforeItsKernelsEnd) {
  const ncclUniqueId id = new_id();
  on_ranks(2, [&](int rank) {
    ncclComm_t comm = join(id, 2, rank);
    if (rank == 1) return;
    const DeviceArray<int> data(4);
    ncclResult_t answer = ncclRecv(data.data(), 4, ncclInt32, 1, comm, nullptr);
    if (answer == ncclInProgress) answer = settle(comm);
    ASSERT_EQ(answer, ncclSuccess);
    set_nccl_aborts(Aborts::kEarly);
    const auto aborted = nccl_aborted();
    ASSERT_EQ(ncclCommAbort(comm), ncclSuccess);
    EXPECT_EQ(nccl_aborted(), aborted + 1);
    for (int look = 0; look < 10; ++look) ASSERT_EQ(cudaStreamQuery(nullptr), cudaErrorNotReady);
    set_nccl_aborts(Aborts::kRun);
    EXPECT_EQ(cudaStreamSynchronize(nullptr), cudaSuccess);
  });
}

TEST_F(NcclTest, SurvivorsOfAnAbortShrinkAndGoOn) {
  const ncclUniqueId id = new_id();
  on_ranks(3, [&](int rank) {
    ncclComm_t comm = join(id, 3, rank);
    if (rank == 1) {
      EXPECT_EQ(ncclCommAbort(comm), ncclSuccess);
      return;
    }
    const DeviceArray<int> data(4);
    ncclResult_t answer = ncclRecv(data.data(), 4, ncclInt32, 1, comm, nullptr);
    if (answer == ncclInProgress) answer = settle(comm);
    EXPECT_EQ(await(comm, nullptr), ncclRemoteError);
    int dead = 1;
    ncclComm_t fewer = nullptr;
    EXPECT_EQ(ncclCommShrink(comm, &dead, 1, &fewer, nullptr, NCCL_SHRINK_DEFAULT),
              ncclInvalidUsage)
        << "a communicator with an error needs NCCL_SHRINK_ABORT";
    ASSERT_EQ(ncclCommShrink(comm, &dead, 1, &fewer, nullptr, NCCL_SHRINK_ABORT), ncclInProgress);
    EXPECT_EQ(fewer, nullptr) << "it is not there before the old one says so";
    ASSERT_EQ(settle(comm), ncclSuccess);
    ASSERT_NE(fewer, nullptr);
    EXPECT_EQ(ncclCommAbort(comm), ncclSuccess);
    int count = 0;
    int number = -1;
    EXPECT_EQ(ncclCommCount(fewer, &count), ncclSuccess);
    EXPECT_EQ(ncclCommUserRank(fewer, &number), ncclSuccess);
    EXPECT_EQ(count, 2);
    EXPECT_EQ(number, rank / 2);
    std::vector<int> received;
    exchange_rows(fewer, 2, number, &received);
  });
}

TEST_F(NcclTest, WishedFailuresComeWhereTheyWereWished) {
  const ncclUniqueId id = new_id();
  ncclComm_t comm = join(id, 1, 0);
  const DeviceArray<int> data(std::vector<int>{1});
  fail_nccl_at(NcclPoint::kGroup, ncclSystemError);
  EXPECT_EQ(ncclSend(data.data(), 1, ncclInt32, 0, comm, nullptr), ncclInProgress);
  EXPECT_EQ(settle(comm), ncclSystemError);
  EXPECT_EQ(ncclCommAbort(comm), ncclSuccess);
  fail_nccl_at(NcclPoint::kInit, ncclInternalError);
  ncclConfig_t config = non_blocking();
  const ncclUniqueId other = new_id();
  ASSERT_EQ(ncclCommInitRankConfig(&comm, 1, other, 0, &config), ncclInProgress);
  EXPECT_EQ(settle(comm), ncclInternalError);
  EXPECT_EQ(ncclCommAbort(comm), ncclSuccess);
}

TEST_F(NcclTest, BuffersMustBeDeviceMemory) {
  const ncclUniqueId id = new_id();
  ncclComm_t comm = join(id, 1, 0);
  int pageable = 0;
  EXPECT_EQ(ncclSend(&pageable, 1, ncclInt32, 0, comm, nullptr), ncclInvalidArgument);
  const DeviceArray<int> data(4);
  EXPECT_EQ(ncclSend(data.data(), 5, ncclInt32, 0, comm, nullptr), ncclInvalidArgument);
}

// One process per rank, made by fork. Rank `killed` dies in mid-exchange.
TEST_F(NcclTest, BetweenProcessesAndAfterAKill) {
  const ncclUniqueId id = new_id();
  std::array<pid_t, 3> children{};
  for (int rank = 0; rank < 3; ++rank) {
    children[static_cast<std::size_t>(rank)] = fork();
    if (children[static_cast<std::size_t>(rank)] != 0) continue;
    ncclComm_t comm = join(id, 3, rank);
    std::vector<int> received;
    exchange_rows(comm, 3, rank, &received);
    if (rank == 2) raise(SIGKILL);
    const DeviceArray<int> data(4);
    ncclResult_t answer = ncclRecv(data.data(), 4, ncclInt32, 2, comm, nullptr);
    if (answer == ncclInProgress) answer = settle(comm);
    const bool told = await(comm, nullptr) == ncclRemoteError;
    int dead = 2;
    ncclComm_t fewer = nullptr;
    static_cast<void>(ncclCommShrink(comm, &dead, 1, &fewer, nullptr, NCCL_SHRINK_ABORT));
    const bool shrunk = settle(comm) == ncclSuccess && fewer != nullptr;
    if (shrunk) exchange_rows(fewer, 2, rank, &received);
    _exit(told && shrunk && !HasFailure() ? 0 : 1);
  }
  for (int rank = 0; rank < 3; ++rank) {
    int status = 0;
    ASSERT_EQ(waitpid(children[static_cast<std::size_t>(rank)], &status, 0),
              children[static_cast<std::size_t>(rank)]);
    if (rank == 2) {
      EXPECT_TRUE(WIFSIGNALED(status));
    } else {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << rank;
    }
  }
}

}  // namespace
}  // namespace cuda_emulation

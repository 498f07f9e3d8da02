// The emulated NCCL's memory: who may register it, take it back and free it, and in which order.
#include <gmock/gmock.h>

#include <array>

#include "tests/cuda_emulation/nccl_ranks.h"

namespace cuda_emulation {
namespace {

using ::testing::HasSubstr;

// Memory for tests of registration, 4096 bytes of it.
void* nccl_memory() {
  void* memory = nullptr;
  EXPECT_EQ(ncclMemAlloc(&memory, 4096), ncclSuccess);
  return memory;
}

TEST_F(NcclTest, RegisteredMemoryIsFreedLast) {
  ncclComm_t comm = join(new_id(), 1, 0);
  void* memory = nccl_memory();
  void* handle = nullptr;
  ASSERT_EQ(ncclCommRegister(comm, memory, 100, &handle), ncclSuccess);
  EXPECT_EQ(nccl_registrations(), 1U);
  EXPECT_EQ(ncclMemFree(memory), ncclInvalidUsage);
  EXPECT_THAT(last_nccl_complaint(), HasSubstr("registered"));
  EXPECT_EQ(ncclCommDestroy(comm), ncclInvalidUsage);
  EXPECT_EQ(ncclCommDeregister(comm, handle), ncclSuccess);
  EXPECT_EQ(ncclCommDeregister(comm, handle), ncclInvalidUsage);
  ASSERT_EQ(ncclCommRegister(comm, memory, 100, &handle), ncclSuccess);
  EXPECT_EQ(ncclCommAbort(comm), ncclSuccess);
  EXPECT_EQ(nccl_registrations(), 0U) << "an abort takes them back";
  EXPECT_EQ(ncclCommDeregister(comm, handle), ncclInvalidUsage);
  EXPECT_EQ(cudaFree(memory), cudaErrorInvalidValue);
  EXPECT_EQ(ncclMemFree(memory), ncclSuccess);
  EXPECT_EQ(ncclMemFree(memory), ncclInvalidUsage);
}

TEST_F(NcclTest, OnlyMemoryOfNcclIsRegistered) {
  ncclComm_t comm = join(new_id(), 1, 0);
  const DeviceArray<int> plain(1024);
  void* handle = nullptr;
  EXPECT_EQ(ncclCommRegister(comm, plain.data(), 4096, &handle), ncclInvalidArgument);
  EXPECT_EQ(ncclMemFree(plain.data()), ncclInvalidUsage);
  void* memory = nccl_memory();
  EXPECT_EQ(ncclCommRegister(comm, memory, 4097, &handle), ncclInvalidArgument);
  set_nccl_local_register(LocalRegister::kOff);
  ASSERT_EQ(ncclCommRegister(comm, memory, 4096, &handle), ncclSuccess);
  EXPECT_EQ(handle, nullptr);
  EXPECT_EQ(ncclCommDeregister(comm, handle), ncclSuccess);
  EXPECT_EQ(ncclCommAbort(comm), ncclSuccess);
  EXPECT_EQ(ncclMemFree(memory), ncclSuccess);
}

TEST_F(NcclTest, RegistrationFailsWhereItWasWished) {
  void* memory = nullptr;
  fail_nccl_at(NcclPoint::kMemAlloc, ncclUnhandledCudaError);
  EXPECT_EQ(ncclMemAlloc(&memory, 64), ncclUnhandledCudaError);
  memory = nccl_memory();
  ncclComm_t comm = join(new_id(), 1, 0);
  void* handle = nullptr;
  fail_nccl_at(NcclPoint::kRegister, ncclSystemError);
  EXPECT_EQ(ncclCommRegister(comm, memory, 64, &handle), ncclSystemError);
  ASSERT_EQ(ncclCommRegister(comm, memory, 64, &handle), ncclSuccess);
  fail_nccl_at(NcclPoint::kDeregister, ncclSystemError);
  EXPECT_EQ(ncclCommDeregister(comm, handle), ncclSystemError);
  EXPECT_EQ(ncclCommAbort(comm), ncclSuccess);
  EXPECT_EQ(ncclMemFree(memory), ncclSuccess);
}

// One rank's end is registered, the other's is not: undefined in the real library.
TEST_F(NcclTest, ARegisteredAndAPlainEndAreNamed) {
  const ncclUniqueId id = new_id();
  std::array<ncclResult_t, 2> answers{};
  on_ranks(2, [&](int rank) {
    ncclComm_t comm = join(id, 2, rank);
    void* memory = nccl_memory();
    void* handle = nullptr;
    if (rank == 0) {
      ASSERT_EQ(ncclCommRegister(comm, memory, 4096, &handle), ncclSuccess);
    }
    ncclResult_t answer = rank == 0 ? ncclSend(memory, 64, ncclUint8, 1, comm, nullptr)
                                    : ncclRecv(memory, 64, ncclUint8, 0, comm, nullptr);
    if (answer == ncclInProgress) answer = settle(comm);
    ASSERT_EQ(answer, ncclSuccess);
    if (rank == 0) {
      EXPECT_EQ(ncclCommDeregister(comm, handle), ncclInvalidUsage) << "it is being sent from";
    }
    answers[static_cast<std::size_t>(rank)] = await(comm, nullptr);
    EXPECT_EQ(ncclCommAbort(comm), ncclSuccess);
    EXPECT_EQ(ncclMemFree(memory), ncclSuccess);
  });
  EXPECT_EQ(answers[1], ncclInvalidUsage);
  EXPECT_EQ(answers[0], ncclRemoteError);
}

TEST_F(NcclTest, OneCommunicatorPassesOneKindOfMemory) {
  ncclComm_t comm = join(new_id(), 1, 0);
  void* memory = nccl_memory();
  void* handle = nullptr;
  ASSERT_EQ(ncclCommRegister(comm, memory, 4096, &handle), ncclSuccess);
  const DeviceArray<int> plain(4);
  ASSERT_EQ(ncclGroupStart(), ncclSuccess);
  ASSERT_EQ(ncclSend(memory, 16, ncclUint8, 0, comm, nullptr), ncclSuccess);
  ASSERT_EQ(ncclRecv(plain.data(), 16, ncclUint8, 0, comm, nullptr), ncclSuccess);
  EXPECT_EQ(ncclGroupEnd(), ncclInvalidUsage);
  EXPECT_THAT(last_nccl_complaint(), HasSubstr("in one communicator"));
  EXPECT_EQ(ncclCommAbort(comm), ncclSuccess);
  EXPECT_EQ(ncclMemFree(memory), ncclSuccess);
}

}  // namespace
}  // namespace cuda_emulation

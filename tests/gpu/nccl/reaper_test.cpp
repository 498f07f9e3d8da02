// When a communicator counts as gone, where its abort returns before its kernels have ended.
#include "comm/nccl/reaper.h"

#include <thread>

#include "tests/gpu/nccl/nccl_world.h"
#include "tests/gpu/nccl/row_mail.h"

namespace switchyard::comm::nccl {
namespace {

using cuda_emulation::Aborts;

constexpr std::chrono::seconds kPatience{20};
constexpr std::chrono::milliseconds kMoment{300};

class Reaped : public test::NcclWorld {
 protected:
  void SetUp() override {
    NcclWorld::SetUp();
    cuda_emulation::set_device_count(2);
    cuda_emulation::set_peer_loss(cuda_emulation::PeerLoss::kSilent);
    auto stream = make_stream();
    ASSERT_FINE(stream);
    stream_ = std::make_shared<const Stream>(std::move(stream).value());
    ASSERT_EQ(ncclGetUniqueId(&id_), ncclSuccess);
    ASSERT_NO_FATAL_FAILURE(join());
    receive();
  }
  void TearDown() override {
    cuda_emulation::set_nccl_aborts(Aborts::kRun);
    if (peer_ != nullptr) {
      EXPECT_EQ(ncclCommAbort(peer_), ncclSuccess);
    }
    rows_.reset();
    stream_.reset();
    NcclWorld::TearDown();
  }
  [[nodiscard]] Reaper::Gone abort(Reaper& reaper) { return reaper.abort(comm_, {0, stream_}); }
  static Deadline in(Duration time) {
    const SteadyClock clock;
    return Deadline::after(clock, time);
  }
  static void await_aborts(std::uint64_t count) {
    const SteadyClock clock;
    const auto patience = in(kPatience);
    while (cuda_emulation::nccl_aborted() < count) {
      ASSERT_FALSE(patience.passed(clock)) << "nothing is aborted";
      std::this_thread::yield();
    }
  }

 private:
  // Both ranks of a communicator, on this thread.
  void join() {
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    int rank = 0;
    for (ncclComm_t* comm : {&comm_, &peer_}) {
      ASSERT_EQ(cudaSetDevice(rank), cudaSuccess);
      ASSERT_EQ(ncclCommInitRankConfig(comm, 2, id_, rank++, &config), ncclInProgress);
    }
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    ASSERT_NO_FATAL_FAILURE(settle(comm_));
    settle(peer_);
  }
  // Rows that never come.
  void receive() {
    rows_.emplace(std::size_t{64});
    ASSERT_EQ(
        ncclRecv(rows_->span().data(), rows_->span().size(), ncclUint8, 1, comm_, stream_->get()),
        ncclInProgress);
    settle(comm_);
  }
  static void settle(ncclComm_t comm) {
    const SteadyClock clock;
    const auto patience = in(kPatience);
    for (ncclResult_t state = ncclInProgress; state == ncclInProgress;) {
      ASSERT_EQ(ncclCommGetAsyncError(comm, &state), ncclSuccess);
      ASSERT_TRUE(state == ncclSuccess || state == ncclInProgress);
      ASSERT_FALSE(patience.passed(clock));
    }
  }

  ncclUniqueId id_{};
  ncclComm_t comm_ = nullptr;
  ncclComm_t peer_ = nullptr;
  std::shared_ptr<const Stream> stream_;
  std::optional<test::DeviceBytes> rows_;
};

TEST_F(Reaped, ACommunicatorIsGoneWhenItsKernelsAre) {
  Reaper reaper;
  const auto aborted = cuda_emulation::nccl_aborted();
  cuda_emulation::set_nccl_aborts(Aborts::kEarly);
  const auto gone = abort(reaper);
  ASSERT_NO_FATAL_FAILURE(await_aborts(aborted + 1));
  EXPECT_FALSE(reaper.wait(in(kMoment))) << "its receive is under way";
  cuda_emulation::set_nccl_aborts(Aborts::kRun);
  EXPECT_TRUE(reaper.wait(in(kPatience)));
  EXPECT_TRUE(gone->load());
}

// Kernels that end so late do not come back as memory to use.
TEST_F(Reaped, ACommunicatorWhoseKernelsDoNotEndInTimeIsNeverGone) {
  Reaper reaper(Duration::zero());
  const auto aborted = cuda_emulation::nccl_aborted();
  cuda_emulation::set_nccl_aborts(Aborts::kEarly);
  const auto gone = abort(reaper);
  ASSERT_NO_FATAL_FAILURE(await_aborts(aborted + 1));
  EXPECT_FALSE(reaper.wait(in(kMoment)));
  cuda_emulation::set_nccl_aborts(Aborts::kRun);
  EXPECT_FALSE(reaper.wait(in(kMoment))) << "it is still looked at";
  EXPECT_FALSE(gone->load());
}

}  // namespace
}  // namespace switchyard::comm::nccl

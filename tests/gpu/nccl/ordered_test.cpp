// Rows in the order of the device's queue: sent before they are written, used before they are
// there, and the host waits for neither.
#include <cstring>

#include "tests/gpu/nccl/meeting.h"
#include "tests/gpu/nccl/nccl_world.h"

namespace switchyard::comm::test {
namespace {

constexpr std::size_t kRowBytes = 100'000;  // more than the emulated NCCL holds on its way
constexpr std::size_t kMessages = 8;

suite::Content rows_of(RankId from, std::size_t i) {
  return suite::make_content(kRowBytes, hash_counters(3, from.value(), i, 0));
}

// A rank's queue, and memory that only its ops touch: what it sends is written by an op, what comes
// is read by one. All comes to one place and is copied on from there, so that order matters twice.
class QueuedRank {
 public:
  explicit QueuedRank(Transport& transport) : transport_(transport) {
    EXPECT_EQ(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), cudaSuccess);
    EXPECT_EQ(cudaHostAlloc(reinterpret_cast<void**>(&pinned_), kMessages * kRowBytes, 0),
              cudaSuccess);
    transport.follow({stream_});
    EXPECT_TRUE(transport.follows_queue());
  }
  ~QueuedRank() {
    EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
    EXPECT_EQ(cudaFreeHost(pinned_), cudaSuccess);
    EXPECT_EQ(cudaStreamDestroy(stream_), cudaSuccess);
  }
  QueuedRank(const QueuedRank&) = delete;
  QueuedRank& operator=(const QueuedRank&) = delete;

  // The place of message `i` is that of the one before last, whose rows are away by then.
  Result<void> send(RankId to, std::size_t i) {
    const std::size_t place = i % out_.size();
    if (i >= out_.size()) SY_TRY(await_sent(place));
    std::byte* from = pinned_ + i * kRowBytes;
    const auto content = rows_of(transport_.rank(), i);
    std::memcpy(from, content.data(), kRowBytes);
    const MutableBytes rows = out_[place].span();
    EXPECT_EQ(cudaMemcpyAsync(rows.data(), from, kRowBytes, cudaMemcpyHostToDevice, stream_),
              cudaSuccess);
    SY_ASSIGN(tickets_[place], transport_.send_rows(to, Channel::kDispatch, {}, rows));
    return {};
  }
  Result<void> receive(std::size_t i) {
    for (std::uint32_t round = 0;; ++round) {
      SY_ASSIGN(const auto arrival, transport_.probe(Channel::kDispatch));
      if (!arrival) {
        transport_.wait_a_moment(round);
        continue;
      }
      SY_TRY(transport_.receive_rows(*arrival, {}, in_.span()));
      EXPECT_EQ(cudaMemcpyAsync(kept_.span().data() + i * kRowBytes, in_.span().data(), kRowBytes,
                                cudaMemcpyDeviceToDevice, stream_),
                cudaSuccess);
      return {};
    }
  }
  Result<void> await_sent(std::size_t place) {
    for (std::uint32_t round = 0;; ++round) {
      SY_ASSIGN(const bool done, transport_.send_done(tickets_[place]));
      if (done) return {};
      SY_TRY(transport_.probe(Channel::kControl));
      transport_.wait_a_moment(round);
    }
  }
  Result<void> await_all_sent() {
    for (std::size_t place = 0; place < out_.size(); ++place) SY_TRY(await_sent(place));
    return {};
  }
  // What came as message `i`, once the queue is empty.
  suite::Content received(std::size_t i) {
    EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
    const auto all = kept_.read();
    const auto from = all.begin() + static_cast<std::ptrdiff_t>(i * kRowBytes);
    return {from, from + static_cast<std::ptrdiff_t>(kRowBytes)};
  }

 private:
  Transport& transport_;
  cudaStream_t stream_ = nullptr;
  std::byte* pinned_ = nullptr;
  std::array<DeviceBytes, 2> out_{DeviceBytes(kRowBytes), DeviceBytes(kRowBytes)};
  std::array<SendTicket, 2> tickets_;
  DeviceBytes in_{kRowBytes};
  DeviceBytes kept_{kMessages * kRowBytes};
};

class Ordered : public NcclWorld, public ::testing::WithParamInterface<cuda_emulation::Schedule> {};

TEST_P(Ordered, RowsAreSentBeforeTheyAreWrittenAndUsedBeforeTheyAreThere) {
  start(GetParam());
  auto ranks = make(2);
  Meeting ready(2);
  Meeting exchanged(2);
  Meeting counted(2);
  std::array<std::uint64_t, 2> waits{};
  on_ranks(ranks, [&](Transport& transport) {
    QueuedRank rank(transport);
    const RankId other(1 - transport.rank().value());
    ASSERT_FINE(transport.probe(Channel::kDispatch));  // makes the staging memory
    ready.arrive();
    if (transport.rank() == RankId(0)) waits[0] = cuda_emulation::counters().host_waits;
    for (std::size_t i = 0; i < kMessages; ++i) {
      ASSERT_FINE(rank.send(other, i));
      ASSERT_FINE(rank.receive(i));
    }
    ASSERT_FINE(rank.await_all_sent());
    RowMail mail(transport);
    ASSERT_NO_FATAL_FAILURE(exchanged.wait(mail, transport));
    if (transport.rank() == RankId(0)) waits[1] = cuda_emulation::counters().host_waits;
    counted.arrive();  // before anybody waits for what it has received
    for (std::size_t i = 0; i < kMessages; ++i) {
      EXPECT_EQ(rank.received(i), rows_of(other, i)) << "message " << i;
    }
    finalize(transport);
  });
  EXPECT_EQ(waits[0], waits[1]) << "the host waited for the device";
}

INSTANTIATE_TEST_SUITE_P(
    Schedules, Ordered,
    ::testing::Values(cuda_emulation::Schedule{cuda_emulation::Order::kAscending,
                                               cuda_emulation::Progress::kLate, 1},
                      cuda_emulation::Schedule{cuda_emulation::Order::kDescending,
                                               cuda_emulation::Progress::kEarly, 1},
                      cuda_emulation::Schedule{cuda_emulation::Order::kRandom,
                                               cuda_emulation::Progress::kRandom, 3},
                      cuda_emulation::Schedule{cuda_emulation::Order::kRandom,
                                               cuda_emulation::Progress::kRandom, 4}),
    [](const auto& each) { return "Number" + std::to_string(each.index); });

}  // namespace
}  // namespace switchyard::comm::test

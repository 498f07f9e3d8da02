// Rows move whatever the host waits for: those of an exchange leave before anybody looks again, and
// a host that waits for its device lets others' come.
#include <gtest/gtest.h>
#include <nccl.h>

#include <array>
#include <cstring>
#include <functional>
#include <thread>

#include "comm/worlds.h"
#include "runtime/moe/data_plane.h"
#include "tests/cuda_emulation/control.h"
#include "tests/cuda_emulation/nccl_control.h"

namespace switchyard::moe {
namespace {

constexpr std::size_t kHidden = 64;
constexpr std::size_t kInner = 32;
constexpr std::size_t kExperts = 2;
constexpr std::size_t kTokens = 8;
constexpr std::chrono::seconds kPatience{30};

// Fails the test and leaves the body if a Result holds an error.
#define ASSERT_FINE(expression)                                  \
  do {                                                           \
    const auto& outcome = (expression);                          \
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message; \
  } while (false)

// Small numbers that differ.
std::vector<float> numbers(std::size_t count, std::size_t seed) {
  std::vector<float> all(count);
  for (std::size_t i = 0; i < count; ++i) {
    all[i] = static_cast<float>((i * 37 + seed * 11) % 101) / 101.0F - 0.5F;
  }
  return all;
}

std::unique_ptr<kernels::PackedExpert> make_expert(kernels::Device& device, std::size_t seed) {
  const auto gate = numbers(kInner * kHidden, seed);
  const auto up = numbers(kInner * kHidden, seed + 1);
  const auto down = numbers(kHidden * kInner, seed + 2);
  const auto view = [](const std::vector<float>& from, std::size_t out, std::size_t in) {
    return kernels::WeightView{std::as_bytes(std::span(from)).data(), DType::kF32, out, in};
  };
  return device
      .pack_expert(view(gate, kInner, kHidden), view(up, kInner, kHidden),
                   view(down, kHidden, kInner))
      .value();
}

// Rank 0 routes and rank 1 has the experts.
std::shared_ptr<const placement::View> make_view() {
  auto view = std::make_shared<placement::View>();
  view->epoch = Epoch(1);
  for (std::uint32_t r = 0; r < 2; ++r) {
    placement::Member member;
    member.rank = RankId(r);
    member.router = r == 0;
    member.expert = r == 1;
    view->members.push_back(std::move(member));
  }
  std::vector<std::vector<placement::Replica>> replicas(kExperts);
  for (std::uint32_t e = 0; e < kExperts; ++e) replicas[e].push_back({RankId(1), SlotId(e)});
  view->placement = placement::Placement::create(1, kExperts, std::move(replicas)).value();
  return view;
}

// One rank with its GPU; made on the rank's thread.
class Rank {
 public:
  explicit Rank(comm::Transport& transport) : store_(1, kExperts) {
    kernels::DeviceOptions on_gpu;
    on_gpu.precision = kernels::Precision::kFp32;
    on_gpu.rank_on_host = transport.rank().index();
    device_ = kernels::make_device("cuda", on_gpu).value();
    EXPECT_TRUE(device_->reserve(kTokens, kTokens, kHidden, kInner).has_value());
    for (std::uint32_t e = 0; transport.rank() == RankId(1) && e < kExperts; ++e) {
      store_.add(0, ExpertId(e), make_expert(*device_, e));
    }
    DataPlaneOptions options;
    options.wire = {kHidden, 1, kExperts, kTokens, kTokens, 1, DType::kF32, DType::kF32};
    options.tokens_max = kTokens;
    options.k_max = 1;
    plane_ = DataPlane::create(options, make_view(), *device_, store_, transport, clock_, abandon_,
                               nullptr)
                 .value();
    x_ = device_->allocate(kBytes).value();
    residual_ = device_->allocate(kBytes).value();
    const auto x = numbers(kTokens * kHidden, 9);
    EXPECT_TRUE(device_->upload(std::as_bytes(std::span(x)), x_.data()).has_value());
    for (std::uint32_t t = 0; t < kTokens; ++t) {
      selections_.experts.emplace_back(t % kExperts);
      selections_.weights.push_back(1);
      selections_.slot_begin.push_back(t + 1);
      selections_.fallbacks.push_back(routing::Fallback::kNone);
    }
  }

  [[nodiscard]] DataPlane& plane() { return *plane_; }
  [[nodiscard]] cudaStream_t queue() const {
    return static_cast<cudaStream_t>(device_->queue().handle);
  }
  // The router's side of an exchange; the residual is that of the rows alone.
  [[nodiscard]] Result<void> begin() {
    const std::vector<float> nothing(kTokens * kHidden);
    SY_TRY(device_->upload(std::as_bytes(std::span(nothing)), residual_.data()));
    return plane_->begin(0, 0, ++step_, {x_.data(), DType::kF32, kTokens, kHidden, kHidden},
                         selections_, keys_);
  }
  [[nodiscard]] Result<std::vector<float>> finish() {
    SY_TRY(plane_->finish(0, {residual_.f32(), kTokens, kHidden}));
    std::vector<float> sums(kTokens * kHidden);
    SY_TRY(device_->download(residual_.data(), std::as_writable_bytes(std::span(sums))));
    return sums;
  }
  // The experts' side, until as many exchanges have been answered and the answers taken.
  // `each`: called before and after every look.
  [[nodiscard]] Result<void> serve(std::uint64_t batches, const std::function<void()>& each) {
    const SteadyClock clock;
    const Deadline deadline = Deadline::after(clock, kPatience);
    while (true) {
      each();
      SY_TRY(plane_->progress());
      each();
      SY_ASSIGN(const bool idle, plane_->idle());
      if (idle && plane_->counters().batches_served == batches) return {};
      if (deadline.passed(clock)) {
        return fail(ErrorCode::kDeadline, "{} of {} exchanges are over",
                    plane_->counters().batches_served, batches);
      }
      std::this_thread::yield();
    }
  }

 private:
  static constexpr std::size_t kBytes = kTokens * kHidden * sizeof(float);
  SteadyClock clock_;
  std::atomic<bool> abandon_{false};
  std::unique_ptr<kernels::Device> device_;
  ExpertStore store_;
  std::unique_ptr<DataPlane> plane_;
  kernels::DeviceMemory x_;
  kernels::DeviceMemory residual_;
  routing::Selections selections_;
  std::vector<std::uint32_t> keys_ = std::vector<std::uint32_t>(kTokens);
  std::uint64_t step_ = 0;
};

class RowsOverlap : public ::testing::Test {
 protected:
  void SetUp() override {
    cuda_emulation::reset();
    cuda_emulation::set_device_count(2);
  }
  void TearDown() override {
    cuda_emulation::reset();
    cuda_emulation::set_device_count(1);
  }
  // body(rank, transport) on a thread for each.
  static void on_ranks(const std::function<void(Rank&, comm::Transport&)>& body) {
    auto base = comm::make_local_world(2, {});
    std::vector<std::unique_ptr<comm::Transport>> world;
    for (auto& each : base) {
      world.push_back(comm::make_nccl_world(std::move(each), {}, {}).value());
    }
    std::vector<std::thread> threads;
    for (auto& transport : world) {
      threads.emplace_back([&transport, &body] {
        Rank rank(*transport);
        body(rank, *transport);
        const SteadyClock clock;
        EXPECT_TRUE(transport->finalize(Deadline::after(clock, kPatience)).has_value());
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
};

// Nobody looks between the encoding of the rows and the end of the call.
TEST_F(RowsOverlap, TheGroupOfAnExchangeIsLaunchedWhenItIsEncoded) {
  const auto sent = [] { return cuda_emulation::nccl_registered_bytes_sent(); };
  on_ranks([&](Rank& rank, comm::Transport& transport) {
    if (transport.rank() == RankId(0)) {
      ASSERT_FINE(rank.begin());  // makes the lanes
      ASSERT_FINE(rank.finish());
      const auto before = sent();
      ASSERT_FINE(rank.begin());
      EXPECT_GT(sent(), before) << "the rows wait for the next look";
      ASSERT_FINE(rank.finish());
      return;
    }
    ASSERT_FINE(rank.serve(1, [] {}));
    const auto& counters = rank.plane().counters();
    std::uint64_t sent_before = sent();
    std::uint64_t served_before = counters.batches_served;
    ASSERT_FINE(rank.serve(2, [&] {
      if (counters.batches_served != served_before) {
        EXPECT_GT(sent(), sent_before) << "the answers wait for the next look";
      }
      sent_before = sent();
      served_before = counters.batches_served;
    }));
  });
}

// The router's device does not come to its end before the answers to its rows are there.
TEST_F(RowsOverlap, RowsMoveBothWaysWhileTheHostWaitsForTheDevice) {
  ncclUniqueId id;
  ASSERT_EQ(ncclGetUniqueId(&id), ncclSuccess);
  on_ranks([&](Rank& rank, comm::Transport& transport) {
    ncclComm_t side = nullptr;
    void* word = nullptr;
    cudaStream_t stream = nullptr;
    const bool routes = transport.rank() == RankId(0);
    ASSERT_EQ(ncclCommInitRank(&side, 2, id, routes ? 0 : 1), ncclSuccess);
    ASSERT_EQ(cudaMalloc(&word, 1), cudaSuccess);
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
    if (routes) {
      ASSERT_FINE(rank.begin());
      const auto alone = rank.finish();
      ASSERT_FINE(alone);
      EXPECT_NE(*alone, std::vector<float>(kTokens * kHidden));
      ASSERT_FINE(rank.begin());
      cudaEvent_t answered = nullptr;
      ASSERT_EQ(cudaEventCreateWithFlags(&answered, cudaEventDisableTiming), cudaSuccess);
      ASSERT_EQ(ncclRecv(word, 1, ncclUint8, 1, side, stream), ncclSuccess);
      ASSERT_EQ(cudaEventRecord(answered, stream), cudaSuccess);
      ASSERT_EQ(cudaStreamWaitEvent(rank.queue(), answered, 0), cudaSuccess);
      ASSERT_FINE(rank.plane().await_device());
      const auto overlapped = rank.finish();
      ASSERT_FINE(overlapped);
      EXPECT_EQ(*overlapped, *alone);
      ASSERT_EQ(cudaEventDestroy(answered), cudaSuccess);
    } else {
      ASSERT_FINE(rank.serve(1, [] {}));
      EXPECT_TRUE(rank.serve(2, [] {}).has_value()) << "no rows, or its answers are not taken";
      ASSERT_EQ(ncclSend(word, 1, ncclUint8, 0, side, stream), ncclSuccess);
    }
    ASSERT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    ASSERT_EQ(ncclCommDestroy(side), ncclSuccess);
    ASSERT_EQ(cudaStreamDestroy(stream), cudaSuccess);
    ASSERT_EQ(cudaFree(word), cudaSuccess);
  });
}

}  // namespace
}  // namespace switchyard::moe

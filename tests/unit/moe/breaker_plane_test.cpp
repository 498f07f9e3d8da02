// A router whose peer is slow, over the local transport and in virtual time: after five slow
// exchanges its rows go to the other copy, a probe brings it back, and no bit of any result
// changes.
#include <gmock/gmock.h>

#include "comm/worlds.h"
#include "runtime/base/random.h"
#include "runtime/moe/data_plane.h"

namespace switchyard::moe {
namespace {

constexpr std::size_t kHidden = 64;
constexpr std::size_t kInner = 64;
constexpr std::size_t kTokens = 6;
constexpr std::size_t kExperts = 2;

std::shared_ptr<const placement::View> make_view(bool with_copies) {
  placement::View view;
  view.epoch = Epoch(1);
  for (std::uint32_t r = 0; r < 3; ++r) {
    placement::Member member;
    member.rank = RankId(r);
    member.router = r == 0;
    member.expert = r > 0;
    member.host = "here";
    view.members.push_back(member);
  }
  std::vector<std::vector<placement::Replica>> copies(kExperts);
  for (std::uint32_t e = 0; e < kExperts; ++e) {
    for (std::uint32_t r = 1; r < 3; ++r) {
      if (with_copies || r == 1 + e) copies[e].push_back({RankId(r), SlotId(e)});
    }
  }
  view.placement = placement::Placement::create(1, kExperts, std::move(copies)).value();
  return std::make_shared<const placement::View>(std::move(view));
}

// Rank 0 routes; ranks 1 and 2 are driven while it waits, rank 1 only after `slow_polls` polls.
class Bench final : public ViewFeed {
 public:
  explicit Bench(bool with_copies) : view_(make_view(with_copies)) {
    device_ = kernels::make_device("cpu", {kernels::Precision::kFp32, 1, "ref"}).value();
    SY_CHECK(device_->reserve(kTokens, 64, kHidden, kInner).has_value());
    world_ = comm::make_local_world(3, {});
    for (std::uint32_t r = 0; r < 3; ++r) {
      stores_.emplace_back(1, kExperts);
      for (std::uint32_t e = 0; e < kExperts && r > 0; ++e) add_expert(stores_.back(), e);
    }
    for (std::uint32_t r = 0; r < 3; ++r) {
      planes_.push_back(DataPlane::create(options(), view_, *device_, stores_[r], *world_[r],
                                          clock_, abandon_, r == 0 ? this : nullptr)
                            .value());
    }
  }

  // One exchange; the residual, bit by bit.
  std::vector<float> exchange(int slow_polls) {
    slow_polls_ = slow_polls;
    std::vector<float> x(kTokens * kHidden);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 17) / 17.0F - 0.5F;
    routing::Selections selections;
    std::vector<std::uint32_t> keys;
    for (std::uint32_t t = 0; t < kTokens; ++t) {
      keys.push_back(t);
      for (std::uint32_t e = 0; e < kExperts; ++e) {
        selections.experts.push_back(ExpertId(e));
        selections.weights.push_back(0.5F);
      }
      selections.slot_begin.push_back(static_cast<std::uint32_t>(selections.experts.size()));
      selections.fallbacks.push_back(routing::Fallback::kNone);
    }
    std::vector<float> residual(kTokens * kHidden, 1.0F);
    const Rows rows{reinterpret_cast<const std::byte*>(x.data()), DType::kF32, kTokens, kHidden,
                    kHidden};
    EXPECT_TRUE(planes_[0]->begin(0, 0, ++step_, rows, selections, keys).has_value());
    const auto done = planes_[0]->finish(0, MatrixView<float>(residual.data(), kTokens, kHidden));
    EXPECT_TRUE(done.has_value()) << done.error().message;
    return residual;
  }

  Result<std::shared_ptr<const placement::View>> poll() override {
    clock_.advance(std::chrono::milliseconds(50));
    (void)planes_[2]->progress().value();
    if (slow_polls_-- <= 0) (void)planes_[1]->progress().value();
    return view_;
  }
  void report_silent(Epoch, Duration, std::span<const RankId>) override {}
  void report_breaker(const BreakerEvent& event) override { events.push_back(event.text); }

  const Counters& counters(std::size_t rank) const { return planes_[rank]->counters(); }
  ManualClock clock_;
  std::vector<std::string> events;

 private:
  static DataPlaneOptions options() {
    DataPlaneOptions options;
    options.wire = {kHidden, 1, kExperts, kTokens, kTokens * kExperts, 1, DType::kF32, DType::kF32};
    options.tokens_max = kTokens;
    options.k_max = kExperts;
    options.roles = PlaneRoles::kAny;
    return options;
  }
  void add_expert(ExpertStore& store, std::uint32_t e) {
    Random random(100 + e);
    std::vector<float> weights(3 * kHidden * kInner);
    for (float& weight : weights) weight = static_cast<float>(random.next_unit() - 0.5);
    const auto view = [&](std::size_t part, std::size_t out, std::size_t in) {
      return kernels::WeightView{
          reinterpret_cast<const std::byte*>(weights.data() + part * kHidden * kInner), DType::kF32,
          out, in};
    };
    store.add(0, ExpertId(e),
              device_
                  ->pack_expert(view(0, kInner, kHidden), view(1, kInner, kHidden),
                                view(2, kHidden, kInner))
                  .value());
  }

  std::shared_ptr<const placement::View> view_;
  std::unique_ptr<kernels::Device> device_;
  std::vector<std::unique_ptr<comm::Transport>> world_;
  std::deque<ExpertStore> stores_;
  std::atomic<bool> abandon_{false};
  std::vector<std::unique_ptr<DataPlane>> planes_;
  int slow_polls_ = 0;
  std::uint64_t step_ = 0;
};

constexpr int kSlow = 30;  // polls: 1.5 s

void expect_conserved(const Bench& bench) {
  const auto& router = bench.counters(0);
  EXPECT_EQ(router.pairs_dispatched, router.pairs_answered);
  EXPECT_EQ(router.pairs_dispatched,
            bench.counters(1).pairs_served + bench.counters(2).pairs_served);
}

TEST(BreakerPlane, StepsAroundASlowRankAndComesBackWithoutChangingABit) {
  Bench bench(true);
  const auto expected = bench.exchange(0);
  const auto before = bench.counters(1).pairs_served;
  ASSERT_GT(before, 0U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(bench.exchange(kSlow), expected);
  ASSERT_EQ(bench.events.size(), 1U);
  EXPECT_THAT(bench.events[0], testing::HasSubstr("rank 1: closed -> open: 5 failures in a row"));
  const auto served = bench.counters(1).pairs_served;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bench.exchange(kSlow), expected);
  EXPECT_EQ(bench.counters(1).pairs_served, served);  // nothing goes there
  EXPECT_EQ(bench.counters(0).pairs_steered, 3 * before);
  EXPECT_EQ(bench.counters(0).breakers_opened, 1U);
  bench.clock_.advance(std::chrono::seconds(60));
  EXPECT_EQ(bench.exchange(0), expected);  // the probe
  EXPECT_EQ(bench.counters(1).pairs_served, served + before);
  EXPECT_EQ(bench.exchange(0), expected);
  EXPECT_EQ(bench.counters(1).pairs_served, served + 2 * before);
  ASSERT_EQ(bench.events.size(), 3U);
  EXPECT_THAT(bench.events[2], testing::HasSubstr("half-open -> closed"));
  expect_conserved(bench);
}

TEST(BreakerPlane, AsksTheRankAllTheSameWhereNoOtherCopyLives) {
  Bench bench(false);
  const auto expected = bench.exchange(0);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(bench.exchange(kSlow), expected);
  EXPECT_EQ(bench.counters(0).breakers_opened, 1U);
  EXPECT_EQ(bench.counters(0).pairs_steered, 0U);
  EXPECT_EQ(bench.counters(1).pairs_served, 9 * kTokens);
  expect_conserved(bench);
}

}  // namespace
}  // namespace switchyard::moe

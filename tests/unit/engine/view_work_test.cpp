// What a rank loads for a view beside its work, and what becomes of it.
#include "runtime/engine/view_work.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace switchyard::engine {
namespace {

constexpr std::size_t kLayers = 2;
constexpr std::size_t kExperts = 4;

model::ModelConfig small_config() {
  model::ModelConfig config;
  config.family = "qwen3_moe";
  config.vocab = 32;
  config.hidden = 16;
  config.layers = kLayers;
  config.heads = 2;
  config.kv_heads = 1;
  config.head_size = 8;
  config.context_max = 64;
  config.experts = kExperts;
  config.experts_per_token = 2;
  config.expert_inner = 32;
  config.moe_layer.assign(kLayers, true);
  return config;
}

// Random weights; lets nobody read before it is opened, and fails where it is told to.
class Gate final : public model::WeightSource {
 public:
  const model::ModelConfig& config() const noexcept override { return inner_->config(); }
  Result<kernels::WeightView> get(const model::WeightId& id) override {
    open.wait(false);
    if (fail_expert == id.expert) return fail(ErrorCode::kBadInput, "expert {} is torn", id.expert);
    return inner_->get(id);
  }
  std::uint64_t fingerprint() const override { return inner_->fingerprint(); }
  void release() noexcept override { inner_->release(); }
  std::size_t bytes_read() const noexcept override { return inner_->bytes_read(); }
  void let_through() {
    open.store(true);
    open.notify_all();
  }

  std::atomic<bool> open{false};
  std::atomic<std::size_t> fail_expert{SIZE_MAX};

 private:
  std::unique_ptr<model::WeightSource> inner_ = model::make_random_weights(small_config(), 1);
};

Result<std::unique_ptr<kernels::Device>> test_device() {
  kernels::DeviceOptions options;
  options.threads = 1;
  options.isa = "ref";
  return kernels::make_device("cpu", options);
}

// Rank 0 holds these experts in every layer; rank 1 holds all.
std::shared_ptr<const placement::View> view_of(std::uint32_t epoch,
                                               const std::vector<std::uint32_t>& held) {
  std::vector<std::vector<placement::Replica>> replicas(kLayers * kExperts);
  for (std::size_t layer = 0; layer < kLayers; ++layer) {
    for (std::uint32_t slot = 0; slot < held.size(); ++slot) {
      replicas[layer * kExperts + held[slot]].push_back({RankId(0), SlotId(slot)});
    }
    for (std::uint32_t e = 0; e < kExperts; ++e) {
      replicas[layer * kExperts + e].push_back({RankId(1), SlotId(e)});
    }
  }
  auto view = std::make_shared<placement::View>();
  view->epoch = Epoch(epoch);
  view->placement = placement::Placement::create(kLayers, kExperts, std::move(replicas)).value();
  return view;
}

class ViewWorkTest : public ::testing::Test {
 protected:
  // Until nothing is to do; a minute at most.
  Result<void> finish() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < end) {
      SY_ASSIGN(const bool more, work_.advance());
      if (!more) return {};
      std::this_thread::yield();
    }
    return fail(ErrorCode::kDeadline, "not done after a minute");
  }
  [[nodiscard]] std::vector<std::uint32_t> held(std::size_t layer) const {
    std::vector<std::uint32_t> out;
    for (std::uint32_t e = 0; e < kExperts; ++e) {
      if (store_.find(layer, ExpertId(e)) != nullptr) out.push_back(e);
    }
    return out;
  }

  Gate source_;
  std::unique_ptr<kernels::Device> device_ = test_device().value();
  moe::ExpertStore store_{kLayers, kExperts};
  ViewWork work_{RankId(0), source_, *device_, test_device, store_};
};

using Held = std::vector<std::uint32_t>;

TEST_F(ViewWorkTest, LoadsBesideTheRankWhichIsNeverKeptWaiting) {
  work_.start(view_of(1, {1, 3}), nullptr);
  EXPECT_TRUE(work_.advance().value());  // the source lets nobody read yet
  EXPECT_EQ(held(0), Held());
  source_.let_through();
  ASSERT_TRUE(finish());
  EXPECT_EQ(held(0), Held({1, 3}));
  EXPECT_EQ(held(1), Held({1, 3}));
  EXPECT_EQ(store_.count(), 4U);
}

TEST_F(ViewWorkTest, ANewerViewReplacesWhatWasWanted) {
  source_.let_through();
  work_.start(view_of(1, {0, 1, 2, 3}), nullptr);
  work_.start(view_of(2, {2}), nullptr);
  ASSERT_TRUE(finish());
  EXPECT_NE(store_.find(0, ExpertId(2)), nullptr);
  EXPECT_NE(store_.find(1, ExpertId(2)), nullptr);
  EXPECT_FALSE(work_.advance().value());
}

TEST_F(ViewWorkTest, AnErrorNamesTheExpertAndEndsTheWork) {
  source_.let_through();
  source_.fail_expert = 3;
  work_.start(view_of(1, {0, 3}), nullptr);
  const auto done = finish();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kBadInput);
  EXPECT_NE(done.error().message.find("layer 0 expert 3"), std::string::npos);
  EXPECT_FALSE(work_.advance().value());
}

// The next view finds it there; what it does not want goes then, at the latest.
TEST_F(ViewWorkTest, WhatAViewThatIsGivenUpBroughtServesTheNext) {
  source_.let_through();
  const auto first = view_of(1, {0});
  ASSERT_TRUE(work_.load_now(*first));
  work_.start(view_of(2, {0, 1, 2}), first.get());
  ASSERT_TRUE(finish());
  work_.give_up(first.get());
  EXPECT_EQ(held(0), Held({0, 1, 2}));
  source_.fail_expert = 2;  // it is not read again
  work_.start(view_of(3, {0, 2}), first.get());
  EXPECT_EQ(held(0), Held({0, 2}));
  ASSERT_TRUE(finish());
  work_.give_up(first.get());
  work_.keep_only(*first);
  EXPECT_EQ(held(0), Held({0}));
  EXPECT_EQ(held(1), Held({0}));
}

// There was no room, or the file is torn: what could be loaded is in the way.
TEST_F(ViewWorkTest, WhatAViewBroughtThatCouldNotBeLoadedGoesAgain) {
  source_.let_through();
  source_.fail_expert = 2;
  const auto first = view_of(1, {0});
  ASSERT_TRUE(work_.load_now(*first));
  work_.start(view_of(2, {0, 1, 2}), first.get());
  ASSERT_FALSE(finish());
  work_.give_up(first.get());
  EXPECT_EQ(held(0), Held({0}));
}

TEST_F(ViewWorkTest, AnOldViewThatRetiresLeavesWhatThePreparedOneNeeds) {
  source_.let_through();
  const auto second = view_of(2, {1});
  ASSERT_TRUE(work_.load_now(*view_of(1, {0})));
  ASSERT_TRUE(work_.load_now(*second));
  work_.start(view_of(3, {2}), nullptr);
  ASSERT_TRUE(finish());
  work_.keep_only(*second);
  EXPECT_EQ(held(0), Held({1, 2}));
  work_.finished();
  work_.keep_only(*second);
  EXPECT_EQ(held(0), Held({1}));
}

TEST_F(ViewWorkTest, ACommitThatOvertakesTheLoadingLoadsTheRestAtOnce) {
  source_.let_through();
  const auto view = view_of(1, {0, 1, 2, 3});
  work_.start(view, nullptr);
  ASSERT_TRUE(work_.load_now(*view));
  EXPECT_EQ(store_.count(), kLayers * kExperts);
  ASSERT_TRUE(finish());
  EXPECT_EQ(store_.count(), kLayers * kExperts);
}

// It ends while it loads: what it has read is dropped, and nothing hangs.
TEST_F(ViewWorkTest, EndsInMidWork) {
  source_.let_through();
  for (std::uint32_t epoch = 1; epoch < 50; ++epoch)
    work_.start(view_of(epoch, {0, 1, 2, 3}), nullptr);
}

}  // namespace
}  // namespace switchyard::engine

// What a rank of a led cluster makes on its GPU, and when. What may wait for every kernel there is
// made before rows move between GPUs: afterwards a kernel may wait for another rank.
#include <gtest/gtest.h>

#include "comm/worlds.h"
#include "runtime/engine/worker.h"
#include "tests/cuda_emulation/control.h"
#include "tests/gpu/small_model.h"

namespace switchyard::tests {
namespace {

constexpr std::size_t kLayers = 2;
constexpr std::size_t kExperts = 4;

// A rank that is alone, with all experts; it routes or does not yet.
std::shared_ptr<const placement::View> view_of(std::uint32_t epoch, bool routes) {
  std::vector<std::vector<placement::Replica>> replicas(kLayers * kExperts);
  for (std::uint32_t i = 0; i < replicas.size(); ++i) {
    replicas[i].push_back({RankId(0), SlotId(i % kExperts)});
  }
  auto view = std::make_shared<placement::View>();
  view->epoch = Epoch(epoch);
  view->placement = placement::Placement::create(kLayers, kExperts, std::move(replicas)).value();
  placement::Member self;
  self.rank = RankId(0);
  self.router = routes;
  self.expert = true;
  view->members.push_back(std::move(self));
  return view;
}

// Prepares the views, one after the other, in a rank that is opened as an expert rank.
class PreparedOnGpu : public ::testing::Test {
 protected:
  void SetUp() override { cuda_emulation::reset(); }

  // Answers what had been made when the rank was open, and when each view was there.
  std::vector<cuda_emulation::Counters> prepare(
      const engine::WorkerOptions& options,
      std::vector<std::shared_ptr<const placement::View>> views) {
    std::vector<cuda_emulation::Counters> made;
    std::size_t next = 0;
    const auto go_on = [&] {
      made.push_back(cuda_emulation::counters());
      if (next < views.size()) {
        mailbox_.deliver(control::Prepare{views[next++]});
      } else {
        mailbox_.deliver(control::Leave{});
      }
    };
    mailbox_.on_post([&] {
      while (const auto message = mailbox_.next_to_send()) {
        const auto* prepared = std::get_if<control::Prepared>(&*message);
        if (prepared == nullptr) continue;
        EXPECT_EQ(prepared->error, "");
        go_on();
      }
    });
    const auto world = comm::make_local_world(1, {});
    auto worker = engine::Worker::open(options, small_model(kLayers, kExperts), *world.front(),
                                       clock_, signals_, mailbox_, gauges_, make_null_log());
    EXPECT_TRUE(worker.has_value()) << worker.error().message;
    if (!worker) return made;
    go_on();
    const auto ran = (*worker)->run([] { return Duration::zero(); });
    EXPECT_TRUE(ran.has_value()) << ran.error().message;
    return made;
  }
  static engine::WorkerOptions on_gpu() {
    engine::WorkerOptions options;
    options.cluster.device_name = "cuda";
    options.kind = control::RankKind::kExpert;
    return options;
  }

 private:
  SteadyClock clock_;
  engine::StopSignals signals_;
  control::Mailbox mailbox_;
  control::RankGauges gauges_;
};

TEST_F(PreparedOnGpu, ARankThatBeginsToRouteHasItsPageLockedMemory) {
  const auto made = prepare(on_gpu(), {view_of(1, false), view_of(2, true)});
  ASSERT_EQ(made.size(), 3U);
  EXPECT_GT(made[1].pinned_allocations, made[0].pinned_allocations) << "the loader's, by itself";
  EXPECT_EQ(made[2].pinned_allocations, made[1].pinned_allocations) << "by the rank's own thread";
  EXPECT_GT(made[2].host_to_device, made[1].host_to_device) << "it has not begun to route";
}

TEST_F(PreparedOnGpu, LoadingTakesNoLibraryOfProducts) {
  auto options = on_gpu();
  options.cluster.device.cuda_gemm = kernels::CudaGemm::kCublas;
  const auto made = prepare(options, {view_of(1, false)});
  ASSERT_EQ(made.size(), 2U);
  EXPECT_GT(made[1].host_to_device, made[0].host_to_device) << "it has loaded nothing";
  EXPECT_EQ(made[0].cublas_handles, 1U);
  EXPECT_EQ(made[1].cublas_handles, 1U);
}

}  // namespace
}  // namespace switchyard::tests

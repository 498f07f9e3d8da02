#include "tests/gpu/nccl/nccl_world.h"

#include <cuda_runtime.h>

#include <thread>

namespace switchyard::comm::test {

void NcclWorld::start(const cuda_emulation::Schedule& schedule) {
  cuda_emulation::reset();
  cuda_emulation::set_schedule(schedule);
  cuda_emulation::set_peer_loss(cuda_emulation::PeerLoss::kReported);
  cuda_emulation::set_nccl_polls(2);
  cuda_emulation::set_nccl_aborts(cuda_emulation::Aborts::kRun);
  cuda_emulation::set_nccl_version(NCCL_VERSION_CODE);
}

Ranks NcclWorld::make(Ranks base, const NcclOptions& options) {
  cuda_emulation::set_device_count(static_cast<int>(base.size()));
  Ranks ranks;
  for (auto& each : base) {
    auto made = make_nccl_world(std::move(each), suite::suite_limits(), options);
    EXPECT_TRUE(made.has_value()) << made.error().message;
    ranks.push_back(std::move(made).value());
  }
  return ranks;
}

Ranks NcclWorld::make(std::size_t ranks, const NcclOptions& options) {
  return make(make_local_world(ranks, suite::suite_limits()), options);
}

void NcclWorld::on_ranks(Ranks& ranks, const std::function<void(Transport&)>& body) {
  std::vector<std::thread> threads;
  for (auto& transport : ranks) {
    threads.emplace_back([&transport, &body] {
      ASSERT_EQ(cudaSetDevice(static_cast<int>(transport->rank().value())), cudaSuccess);
      body(*transport);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void NcclWorld::finalize(Transport& transport) {
  const SteadyClock clock;
  const auto left = transport.finalize(Deadline::after(clock, std::chrono::seconds(60)));
  EXPECT_TRUE(left.has_value()) << left.error().message;
}

void NcclWorld::kill(std::unique_ptr<Transport>& transport) {
  for (std::uint32_t r = 0; r < transport->size(); ++r) {
    if (RankId(r) != transport->rank()) transport->set_lost(RankId(r), Transport::Lost::kYes);
  }
  transport.reset();
}

}  // namespace switchyard::comm::test

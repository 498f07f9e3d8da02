// What all lanes together take of a GPU: blocks of its kernels, and queues.
#include <gmock/gmock.h>

#include "tests/gpu/nccl/log_text.h"
#include "tests/gpu/nccl/nccl_world.h"
#include "tests/gpu/nccl/row_mail.h"

namespace switchyard::comm::test {
namespace {

class AllLanes : public NcclWorld {
 protected:
  void SetUp() override {
    NcclWorld::SetUp();
    (void)cuda_emulation::take_nccl_block_limits();
  }
  void TearDown() override {
    cuda_emulation::set_processor_count(kProcessors);
    NcclWorld::TearDown();
  }

 private:
  static constexpr int kProcessors = 132;  // at the start
};

// At every member of every lane.
TEST_F(AllLanes, HaveHalfOfTheGpu) {
  cuda_emulation::set_processor_count(18);
  auto ranks = make(3);
  on_ranks(ranks, [](Transport& transport) {
    RowMail mail(transport);
    const RankId next((transport.rank().value() + 1) % 3);
    const auto rows = suite::make_content(4096, 1);
    ASSERT_FINE(mail.send(next, Channel::kDispatch, suite::make_content(8, 1), rows));
    ASSERT_FINE(mail.receive(Channel::kDispatch));
    ASSERT_FINE(mail.flush());
    finalize(transport);
  });
  EXPECT_THAT(cuda_emulation::take_nccl_block_limits(), ::testing::ElementsAre(3));
}

TEST_F(AllLanes, MayNeedMoreQueuesThanThereAre) {
  for (const std::size_t ranks : {9U, 10U}) {
    LogText logged;
    NcclOptions options;
    options.log = logged.log();
    const auto world = make(ranks, options);
    EXPECT_EQ(logged.count("lanes_share_queues"), ranks > 9 ? 1U : 0U) << logged.text();
  }
}

}  // namespace
}  // namespace switchyard::comm::test

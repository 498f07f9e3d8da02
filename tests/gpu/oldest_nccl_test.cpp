// A build against NCCL 2.17: what came later is not called, and whoever asks for it hears so.
#include <gmock/gmock.h>

#include "comm/nccl/registration.h"
#include "comm/nccl/shrink.h"

namespace switchyard::comm::nccl {
namespace {

using ::testing::HasSubstr;

// The library that is found is a later one: it is the build that cannot.
TEST(OldestNccl, RanksAreNotLeftOutOfACommunicator) {
  EXPECT_FALSE(can_shrink());
  ncclComm_t rest = nullptr;
  const ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  const auto shrunk = shrink(nullptr, {1}, config, rest);
  ASSERT_FALSE(shrunk.has_value());
  EXPECT_EQ(shrunk.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(shrunk.error().scope, ErrorScope::kCommunicator);
  EXPECT_THAT(shrunk.error().message, HasSubstr("cannot leave ranks out"));
  EXPECT_EQ(rest, nullptr);
}

TEST(OldestNccl, MemoryIsNotRegistered) {
  const auto wanted = [](const auto& result) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(result.error().scope, ErrorScope::kCommunicator);
    EXPECT_THAT(result.error().message, HasSubstr("NCCL 2.17.9 does not register memory"));
  };
  wanted(can_register());
  wanted(register_memory(nullptr, {}));
  wanted(allocate_registrable(4096));
  take_back(nullptr, {});
  free_registrable(nullptr);
}

}  // namespace
}  // namespace switchyard::comm::nccl

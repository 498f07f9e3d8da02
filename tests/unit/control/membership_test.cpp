#include "runtime/control/membership.h"

#include <gtest/gtest.h>

#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

// A stopped rank that wakes after the process in its place has died as well would be reached by
// nobody: the others talk to that slot over TCP.
TEST(Membership, ASlotTakenOverByALaterProcessTakesNoneWithoutAnAddress) {
  Membership members(3, PhiConfig{});
  const TimePoint now{};
  const Register first = ControllerBench::rank(1, RankKind::kExpert);
  Register later = first;
  later.address = "127.0.0.1:999/token";
  ASSERT_TRUE(members.judge(first).has_value());
  members.seat(first, ConnectionId(1), now);
  members.end(RankId(1), SlotState::kDead, now);
  ASSERT_TRUE(members.judge(first).has_value()) << "over MPI, as before";
  ASSERT_TRUE(members.judge(later).has_value());
  members.seat(later, ConnectionId(2), now);
  members.end(RankId(1), SlotState::kDead, now);
  const auto woken = members.judge(first);
  ASSERT_FALSE(woken.has_value());
  EXPECT_EQ(woken.error().code, ErrorCode::kStaleEpoch);
  EXPECT_TRUE(members.judge(later).has_value());
}

}  // namespace
}  // namespace switchyard::control

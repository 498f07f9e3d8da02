#include "runtime/control/event_kinds.h"

#include <gtest/gtest.h>

namespace switchyard::control {
namespace {

TEST(EventKinds, SayHowSeriousEachIs) {
  EXPECT_EQ(seriousness_of("rank_joined"), Seriousness::kInfo);
  EXPECT_EQ(seriousness_of("rank_dead"), Seriousness::kWarning);
  EXPECT_EQ(seriousness_of("tokens_differ"), Seriousness::kError);
  EXPECT_EQ(seriousness_of("wish_given_up"), Seriousness::kWarning);
  EXPECT_EQ(seriousness_of("breaker_closed"), Seriousness::kInfo);
  EXPECT_EQ(seriousness_of("no_such_kind"), Seriousness::kInfo);
  EXPECT_EQ(seriousness_of(""), Seriousness::kInfo);
  EXPECT_EQ(seriousness_of("zzz"), Seriousness::kInfo);
  for (const EventKind& each : event_kinds()) {
    EXPECT_EQ(seriousness_of(each.kind), each.seriousness) << each.kind;
  }
}

}  // namespace
}  // namespace switchyard::control

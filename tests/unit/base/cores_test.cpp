#include "runtime/base/cores.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace switchyard {
namespace {

// On a thread of its own: a mask is a thread's, and the other tests keep theirs.
TEST(Cores, CountsWhatAffinityAllowsAndNotWhatTheMachineHas) {
  std::size_t bound = 0;
  std::size_t shared = 0;
  std::thread([&] {
    cpu_set_t all;
    ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
    int first = 0;
    while (!CPU_ISSET(first, &all)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    bound = usable_cores();
    shared = shared_cores();
  }).join();
  EXPECT_EQ(bound, 1U);
  EXPECT_GE(shared, 1U);
  EXPECT_GE(usable_cores(), 1U);
}

}  // namespace
}  // namespace switchyard

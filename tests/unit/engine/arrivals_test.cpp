// The order and the moments in which the requests of a run are handed out.
#include "runtime/engine/arrivals.h"

#include <gtest/gtest.h>

namespace switchyard::engine {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

SequenceRequest request(std::uint32_t id, Duration arrival) {
  SequenceRequest request;
  request.id = SequenceId(id);
  request.arrival = arrival;
  return request;
}

std::vector<std::uint32_t> ids(std::span<const SequenceRequest> requests) {
  std::vector<std::uint32_t> out;
  for (const auto& request : requests) out.push_back(request.id.value());
  return out;
}

using Ids = std::vector<std::uint32_t>;

TEST(Arrivals, ComeByTimeAndThenByPlace) {
  Arrivals arrivals({request(0, milliseconds(5)), request(1, milliseconds(0)),
                     request(2, milliseconds(5)), request(3, milliseconds(2))});
  EXPECT_EQ(ids(arrivals.take(milliseconds(0))), Ids({1}));
  EXPECT_EQ(arrivals.next(), Duration(milliseconds(2)));
  EXPECT_EQ(ids(arrivals.take(milliseconds(1))), Ids());
  EXPECT_EQ(ids(arrivals.take(milliseconds(5))), Ids({3, 0, 2}));
  EXPECT_TRUE(arrivals.over());
  EXPECT_EQ(arrivals.next(), std::nullopt);
}

TEST(Arrivals, TheRestComesWheneverItIsDue) {
  Arrivals arrivals({request(0, milliseconds(0)), request(1, hours(24))});
  EXPECT_EQ(ids(arrivals.take(milliseconds(0))), Ids({0}));
  EXPECT_FALSE(arrivals.over());
  EXPECT_EQ(ids(arrivals.take_rest()), Ids({1}));
  EXPECT_TRUE(arrivals.over());
}

TEST(Arrivals, LostOnesAreHandedOutAgain) {
  Arrivals arrivals(
      {request(0, milliseconds(0)), request(1, milliseconds(1)), request(2, milliseconds(2))});
  EXPECT_EQ(arrivals.take(milliseconds(2)).size(), 3U);
  arrivals.hand_out_again_from(1);
  EXPECT_EQ(arrivals.handed(), 1U);
  EXPECT_EQ(ids(arrivals.take(milliseconds(1))), Ids({1}));
  EXPECT_EQ(ids(arrivals.take(milliseconds(2))), Ids({2}));
}

}  // namespace
}  // namespace switchyard::engine

#include "comm/ticket_table.h"

#include <gtest/gtest.h>

namespace switchyard::comm {
namespace {

TEST(TicketTable, HandsOutEverySlotOnce) {
  TicketTable table(3);
  std::vector<bool> seen(3, false);
  for (int i = 0; i < 3; ++i) {
    const auto ticket = table.take();
    ASSERT_TRUE(ticket.has_value());
    ASSERT_LT(ticket->slot, 3U);
    EXPECT_FALSE(seen[ticket->slot]);
    seen[ticket->slot] = true;
  }
  EXPECT_EQ(table.in_flight(), 3U);
  EXPECT_FALSE(table.take().has_value());
}

TEST(TicketTable, GivesASlotAgainUnderAnotherGeneration) {
  TicketTable table(1);
  const SendTicket first = table.take().value();
  table.give_back(first);
  const SendTicket second = table.take().value();
  EXPECT_EQ(second.slot, first.slot);
  EXPECT_NE(second.generation, first.generation);
  table.check(second);
}

TEST(TicketTableDeathTest, StopsAtATicketThatIsNotInFlight) {
  TicketTable table(2);
  const SendTicket ticket = table.take().value();
  table.give_back(ticket);
  EXPECT_DEATH(table.check(ticket), "not in flight");
  EXPECT_DEATH(table.give_back(ticket), "not in flight");
  EXPECT_DEATH(table.check(SendTicket{7, 1}), "not in flight");
  EXPECT_DEATH(table.check(SendTicket{}), "not in flight");
}

}  // namespace
}  // namespace switchyard::comm

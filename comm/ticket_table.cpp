#include "comm/ticket_table.h"

#include "runtime/base/check.h"

namespace switchyard::comm {

TicketTable::TicketTable(std::size_t slots) : generations_(slots, 0) {
  free_.reserve(slots);
  for (std::size_t i = slots; i > 0; --i) free_.push_back(static_cast<std::uint32_t>(i - 1));
}

std::optional<SendTicket> TicketTable::take() {
  if (free_.empty()) return std::nullopt;
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  return SendTicket{slot, ++generations_[slot]};
}

void TicketTable::check(SendTicket ticket) const {
  SY_CHECK(ticket.slot < slots() && ticket.generation % 2 == 1 &&
               generations_[ticket.slot] == ticket.generation,
           "ticket {}.{} is not in flight", ticket.slot, ticket.generation);
}

void TicketTable::give_back(SendTicket ticket) {
  check(ticket);
  ++generations_[ticket.slot];
  free_.push_back(ticket.slot);
}

}  // namespace switchyard::comm

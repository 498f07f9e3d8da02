// comm/ticket_table.h -- hands out the slots of a transport's posted sends and takes them back.
// Not the sends themselves: a transport keeps those in an array beside it, by SendTicket::slot.
// A ticket that was given back is a programmer error to use again (SY_CHECK).
// Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "comm/transport.h"

namespace switchyard::comm {

class TicketTable {
 public:
  explicit TicketTable(std::size_t slots);

  // The lowest-used free slot, or none if all are in flight. Allocates nothing.
  [[nodiscard]] std::optional<SendTicket> take();
  // Aborts on a ticket that is not in flight.
  void check(SendTicket ticket) const;
  void give_back(SendTicket ticket);

  [[nodiscard]] std::size_t slots() const noexcept { return generations_.size(); }
  [[nodiscard]] std::size_t in_flight() const noexcept { return slots() - free_.size(); }

 private:
  std::vector<std::uint32_t> generations_;  // odd while in flight
  std::vector<std::uint32_t> free_;         // a stack, so that warm slots are used again first
};

}  // namespace switchyard::comm

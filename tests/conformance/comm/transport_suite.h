// tests/conformance/comm/transport_suite.h -- what every transport must do, as bodies that each
// rank runs. Run over the local world by transport_conformance_test.cpp and over MPI by tests/mpi.
// Every wait has a deadline, so that a failure on one rank ends the others too.
#pragma once

#include <span>
#include <string_view>

#include "comm/transport.h"
#include "tests/conformance/comm/mail.h"

namespace switchyard::comm::suite {

struct Case {
  std::string_view name;
  void (*body)(Transport& transport,
               Mail& mail);  // reports by EXPECT_; every rank of the world calls it
};

[[nodiscard]] std::span<const Case> cases();

// The limits of a world for the suite: small, so that the refusals are cheap to provoke.
[[nodiscard]] inline TransportLimits suite_limits() {
  return {.message_bytes_max = std::size_t{8} << 20, .sends_in_flight_max = 64};
}

}  // namespace switchyard::comm::suite

// tests/mpi/mpi_test_world.h -- hands the joined world to the tests, which are registered with it.
#pragma once

#include "comm/transport.h"
#include "tests/conformance/comm/transport_suite.h"

namespace switchyard::comm {

// Registers every test of this binary; the transport outlives them.
void register_mpi_tests(Transport& transport);

}  // namespace switchyard::comm

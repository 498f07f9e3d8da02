// tests/gpu/nccl/nccl_world.h -- ranks with emulated GPUs whose rows move by the emulated NCCL,
// each a thread. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

#include "comm/worlds.h"
#include "tests/conformance/comm/transport_suite.h"
#include "tests/cuda_emulation/control.h"
#include "tests/cuda_emulation/nccl_control.h"

namespace switchyard::comm::test {

// Fails the test and leaves the body if a Result holds an error.
#define ASSERT_FINE(expression)                                  \
  do {                                                           \
    const auto& outcome = (expression);                          \
    ASSERT_TRUE(outcome.has_value()) << outcome.error().message; \
  } while (false)

using Ranks = std::vector<std::unique_ptr<Transport>>;

class NcclWorld : public ::testing::Test {
 protected:
  void SetUp() override { start({}); }
  void TearDown() override {
    for (std::size_t point = 0; point < cuda_emulation::kNcclPoints; ++point) {
      cuda_emulation::fail_nccl_at(static_cast<cuda_emulation::NcclPoint>(point), ncclSuccess);
    }
    cuda_emulation::set_nccl_local_register(cuda_emulation::LocalRegister::kOn);
    start({});
  }
  static void start(const cuda_emulation::Schedule& schedule);
  // Over `base`, or over threads where there is none. Every rank has a GPU.
  static Ranks make(Ranks base, const NcclOptions& options = {});
  static Ranks make(std::size_t ranks, const NcclOptions& options = {});
  // body(transport) on a thread for each rank, whose GPU is the current one.
  static void on_ranks(Ranks& ranks, const std::function<void(Transport&)>& body);
  static void finalize(Transport& transport);
  // As a process that is killed: nobody hears from it.
  static void kill(std::unique_ptr<Transport>& transport);
};

}  // namespace switchyard::comm::test

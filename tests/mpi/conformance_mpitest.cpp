// The transport suite over MPI, and a test that fails on one rank to prove that the harness sees
// it.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/mpi/mpi_test_world.h"

namespace switchyard::comm {
namespace {

struct World {
  Transport& transport;
  suite::Mail mail;
};

class CaseOverMpi : public testing::Test {
 public:
  CaseOverMpi(std::shared_ptr<World> world, suite::Case test_case)
      : world_(std::move(world)), case_(test_case) {}
  void TestBody() override { case_.body(world_->transport, world_->mail); }

 private:
  std::shared_ptr<World> world_;
  suite::Case case_;
};

class FailsOnTheLastRank : public testing::Test {
 public:
  explicit FailsOnTheLastRank(Transport& transport) : transport_(transport) {}
  void TestBody() override { EXPECT_NE(transport_.rank().index() + 1, transport_.size()); }

 private:
  Transport& transport_;
};

}  // namespace

void register_mpi_tests(Transport& transport) {
  auto world = std::make_shared<World>(World{transport, suite::Mail(transport)});
  for (const suite::Case& test_case : suite::cases()) {
    testing::RegisterTest(
        "Mpi", std::string(test_case.name).c_str(), nullptr, nullptr, __FILE__, __LINE__,
        [world, test_case]() -> testing::Test* { return new CaseOverMpi(world, test_case); });
  }
  testing::RegisterTest(
      "Harness", "DISABLED_FailsOnTheLastRank", nullptr, nullptr, __FILE__, __LINE__,
      [&transport]() -> testing::Test* { return new FailsOnTheLastRank(transport); });
}

}  // namespace switchyard::comm

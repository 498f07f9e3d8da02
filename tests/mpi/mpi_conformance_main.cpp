// The gtest main of a world of MPI processes: every rank runs every test, in the same order.
// Rank 0 prints as usual, the others print their failures. A rank with a failure ends all of them
// with exit code 1, so the run fails whoever saw it; with none they leave the world together.
#include <gtest/gtest.h>

#include <iostream>

#include "comm/worlds.h"
#include "tests/mpi/mpi_test_world.h"

namespace switchyard::comm {
namespace {

class FailurePrinter final : public testing::EmptyTestEventListener {
 public:
  explicit FailurePrinter(RankId rank) : rank_(rank) {}
  void OnTestPartResult(const testing::TestPartResult& part) override {
    if (!part.failed()) return;
    const char* file = part.file_name() == nullptr ? "unknown file" : part.file_name();
    std::cerr << "[rank " << rank_.value() << "] " << file << ":" << part.line_number() << ": "
              << part.summary() << std::endl;
  }

 private:
  RankId rank_;
};

int run(int argc, char** argv) {
  auto transport = join_mpi_world(&argc, &argv, suite::suite_limits());
  if (!transport) {
    std::cerr << transport.error().message << "\n";
    abort_mpi_world(1);
  }
  testing::InitGoogleTest(&argc, argv);
  if ((*transport)->rank().value() != 0) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailurePrinter((*transport)->rank()));
  }
  register_mpi_tests(**transport);
  if (RUN_ALL_TESTS() != 0 || testing::UnitTest::GetInstance()->test_to_run_count() == 0) {
    abort_mpi_world(1);
  }
  const SteadyClock clock;
  const auto left = (*transport)->finalize(Deadline::after(clock, std::chrono::seconds(60)));
  if (!left) {
    std::cerr << left.error().message << "\n";
    abort_mpi_world(1);
  }
  return 0;
}

}  // namespace
}  // namespace switchyard::comm

int main(int argc, char** argv) { return switchyard::comm::run(argc, argv); }

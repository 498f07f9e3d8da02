// What only an emulated GPU can show: other orders of blocks, threads and streams, and a machine
// without a GPU.
#include "tests/gpu/exact_on_gpu.h"

namespace switchyard::tests {
namespace {

TEST_F(ExactOnGpu, OverSchedulesOfTheEmulation) {
  const auto wanted = baseline();
  for (const char* schedule :
       {"CUDA_EMULATION_SCHEDULE=descending CUDA_EMULATION_PROGRESS=early",
        "CUDA_EMULATION_SCHEDULE=random CUDA_EMULATION_SEED=3 CUDA_EMULATION_PROGRESS=random"}) {
    expect_same(run_prefixed(std::string("env ") + schedule, run({})), wanted);
  }
}

TEST(WithoutAGpu, TheRunEndsAndSaysWhatIsMissing) {
  const auto outcome = run_prefixed(
      "env CUDA_EMULATION_DEVICES=0",
      {"generate", "--preset", "demo", "--prompt", "a", "--max-tokens", "1", "--device", "cuda"});
  EXPECT_EQ(outcome.exit_code, 7);
  EXPECT_NE(outcome.err.find("no GPU"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace switchyard::tests

// Attention on GPUs of other sizes: how many processors there are decides what is cut into
// segments, and must not decide a bit.
#include "tests/conformance/kernels/attention_case.h"
#include "tests/cuda_emulation/control.h"

namespace switchyard::kernels::test {
namespace {

class AttentionOnGpus : public KernelTest {
 protected:
  ~AttentionOnGpus() override { cuda_emulation::set_processor_count(132); }

  // A prompt in one step; another one by chunks, single rows at its end.
  AttentionCase::Outputs run_on(int processors, const AttentionCase& work) {
    cuda_emulation::set_processor_count(processors);
    const auto device = make(1);
    const auto cache = work.make_cache(*device);
    AttentionCase::Outputs outputs;
    work.run(*device, *cache, {{0, 0, kTokens}}, outputs);
    for (std::size_t at = 0; at < kTokens; at += at < kChunks ? kChunk : 1) {
      work.run(*device, *cache, {{1, at, at < kChunks ? kChunk : 1}}, outputs);
    }
    return outputs;
  }

  static constexpr std::size_t kTokens = 780;  // four segments
  static constexpr std::size_t kChunk = 70;
  static constexpr std::size_t kChunks = 770;
};

// Of one processor: nothing is cut. Of eight: some, into runs of segments. Of 132: all into single
// ones.
TEST_P(AttentionOnGpus, KeepsItsBitsOnAnyNumberOfProcessors) {
  const AttentionCase work({4, 2, 16, QkNorm::kNone, 0, kTokens, 2}, operand());
  const auto wanted = run_on(132, work);
  for (const int processors : {1, 8}) {
    EXPECT_TRUE(run_on(processors, work) == wanted) << processors << " processors";
  }
}

INSTANTIATE_TEST_SUITE_P(Cuda, AttentionOnGpus, ::testing::ValuesIn(every_kernel_case()),
                         case_name);

}  // namespace
}  // namespace switchyard::kernels::test

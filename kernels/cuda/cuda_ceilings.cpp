// Times the kernels of ceilings.cu: rounds that grow until one takes long enough to be timed by the
// host's clock, then the best of some.
#include <algorithm>

#include "kernels/cuda/cuda_error.h"
#include "kernels/cuda/cuda_memory.h"
#include "kernels/cuda/cuda_table.h"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/limits.h"

namespace switchyard::kernels::cuda {
namespace {

constexpr double kRoundUs = 3000;
constexpr std::size_t kReadBytesFirst = std::size_t{1} << 18;
constexpr std::size_t kReadBytesMost = std::size_t{8} << 30;
constexpr std::size_t kStepsFirst = 64;
constexpr std::size_t kStepsMost = std::size_t{1} << 30;
constexpr int kRounds = 5;
constexpr int kBlocksAProcessor = 8;

class CeilingTimer {
 public:
  CeilingTimer(Stream stream, Event done, int processors)
      : stream_(std::move(stream)), done_(std::move(done)) {
    args_.blocks = static_cast<unsigned int>(kBlocksAProcessor * processors);
  }

  // GB/s. Reads as much memory as is free, up to what a round needs.
  Result<double> read_gbs() {
    SY_ASSIGN(auto sink, allocate_device(sizeof(float)));
    double best = 0;
    for (std::size_t bytes = kReadBytesFirst; bytes <= kReadBytesMost; bytes *= 2) {
      auto memory = allocate_device(bytes);
      if (!memory && best > 0) break;
      if (!memory) return Unexpected(memory.error());
      args_.memory = memory->data();
      args_.bytes = bytes;
      args_.sink = sink.f32();
      SY_ASSIGN(const double us, best_us(Ceiling::kRead));
      best = static_cast<double>(bytes) / us / 1e3;
      if (us > kRoundUs) break;
    }
    return best;
  }

  Result<double> gflops(Ceiling which) {
    SY_ASSIGN(auto sink, allocate_device(sizeof(float)));
    args_.sink = sink.f32();
    for (args_.steps = kStepsFirst;; args_.steps *= 2) {
      SY_ASSIGN(const double us, best_us(which));
      if (us > kRoundUs || args_.steps >= kStepsMost) return ceiling_flops(which, args_) / us / 1e3;
    }
  }

 private:
  Result<double> best_us(Ceiling which) {
    double best = 0;
    for (int round = 0; round < kRounds; ++round) {
      const auto start = std::chrono::steady_clock::now();
      SY_TRY(check(launch_ceiling(stream_.get(), which, args_), "measuring a ceiling"));
      SY_TRY(done_.record(stream_));
      SY_TRY(done_.wait(kDeviceWaitMax));
      const std::chrono::duration<double, std::micro> spent =
          std::chrono::steady_clock::now() - start;
      best = round == 0 ? spent.count() : std::min(best, spent.count());
    }
    return best;
  }

  Stream stream_;
  Event done_;
  CeilingArgs args_;
};

Result<Ceilings> measure(int gpu) {
  cudaDeviceProp properties{};
  SY_TRY(check(cudaGetDeviceProperties(&properties, gpu), "reading the GPU's properties"));
  SY_ASSIGN(auto stream, Stream::create());
  SY_ASSIGN(auto done, Event::create());
  CeilingTimer timer(std::move(stream), std::move(done), properties.multiProcessorCount);
  Ceilings ceilings;
  SY_ASSIGN(ceilings.read_gbs, timer.read_gbs());
  SY_ASSIGN(ceilings.fp32_gflops, timer.gflops(Ceiling::kFp32));
  SY_ASSIGN(ceilings.bf16_gflops, timer.gflops(Ceiling::kTensor));
  ceilings.fp32_isa = "cuda";
  ceilings.bf16_isa = "cuda mma.sync";
  return ceilings;
}

}  // namespace

Result<Ceilings> measure_cuda_ceilings(const DeviceOptions& options) {
  int gpu = 0;
  {
    // Chooses the GPU for this thread, and says what is missing.
    SY_ASSIGN(const auto device, make_cuda_device(options));
    SY_TRY(check(cudaGetDevice(&gpu), "asking for the GPU"));
  }
  SY_ASSIGN(auto ceilings, measure(gpu));
  // What was read is gigabytes, and the pool would keep them from everybody else on this GPU.
  SY_TRY(give_back_freed_memory(gpu));
  return ceilings;
}

}  // namespace switchyard::kernels::cuda

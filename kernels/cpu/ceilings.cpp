#include "kernels/ceilings.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

#include "kernels/cpu_features.h"
#include "runtime/base/buffer.h"

namespace switchyard::kernels {
namespace {

using SteadyTime = std::chrono::steady_clock;
constexpr int kRounds = 3;

// Runs body(thread) on all threads at once and returns units per second over the slowest of them.
double rate(std::size_t threads, const std::function<double(std::size_t)>& body) {
  std::vector<double> units(threads);
  std::vector<double> seconds(threads);
  std::atomic<std::size_t> waiting{threads};
  const auto run = [&](std::size_t t) {
    waiting.fetch_sub(1);
    while (waiting.load() != 0) std::this_thread::yield();
    const auto start = SteadyTime::now();
    units[t] = body(t);
    seconds[t] = std::chrono::duration<double>(SteadyTime::now() - start).count();
  };
  std::vector<std::thread> others;
  for (std::size_t t = 1; t < threads; ++t) others.emplace_back(run, t);
  run(0);
  for (auto& other : others) other.join();
  double total = 0;
  for (const double u : units) total += u;
  return total / *std::max_element(seconds.begin(), seconds.end());
}

double best_rate(std::size_t threads, const std::function<double(std::size_t)>& body) {
  double best = 0;
  for (int round = 0; round < kRounds; ++round) best = std::max(best, rate(threads, body));
  return best;
}

// Sums whole pages in eight chains, so that loads and not additions are what is waited for. The
// processor's prefetcher stops at each 4 KiB page; one touch well ahead keeps it going. Prefetching
// every line instead reads 25 where this reads 42 GB/s with one thread (Zen 5).
std::uint64_t sum_pages(const std::uint64_t* data, std::size_t words) {
  constexpr std::size_t kPageWords = 4096 / sizeof(std::uint64_t);
  constexpr std::size_t kAheadWords = 4 * kPageWords;
  std::uint64_t sums[8] = {};
  for (std::size_t page = 0; page + kPageWords <= words; page += kPageWords) {
    if (page + kAheadWords < words) __builtin_prefetch(data + page + kAheadWords);
    for (std::size_t i = page; i < page + kPageWords; i += 8) {
      for (std::size_t lane = 0; lane < 8; ++lane) sums[lane] += data[i + lane];
    }
  }
  std::uint64_t total = 0;
  for (const auto sum : sums) total += sum;
  return total;
}

double read_bandwidth(const CeilingOptions& options) {
  std::vector<Array<std::uint64_t>> memory;
  const std::size_t words = options.read_bytes / sizeof(std::uint64_t);
  for (std::size_t t = 0; t < options.threads; ++t) {
    auto& block = memory.emplace_back(words);
    for (std::size_t i = 0; i < words; i += 8) block[i] = i;
  }
  std::atomic<std::uint64_t> sink{0};
  return best_rate(options.threads,
                   [&](std::size_t t) {
                     sink.fetch_add(sum_pages(memory[t].data(), words));
                     return static_cast<double>(options.read_bytes);
                   }) /
         1e9;
}

using PeakLoop = double (*)(std::size_t iterations, float* sink);

double peak_gflops(const CeilingOptions& options, PeakLoop loop) {
  constexpr std::size_t kIterations = 1U << 16;
  return best_rate(options.threads,
                   [&](std::size_t) {
                     float sink = 0;
                     double flops = 0;
                     const auto start = SteadyTime::now();
                     do {
                       flops += loop(kIterations, &sink);
                     } while (std::chrono::duration<double>(SteadyTime::now() - start).count() <
                              options.seconds);
                     return sink == 12345.678F ? 0.0 : flops;
                   }) /
         1e9;
}

}  // namespace

Ceilings measure_ceilings(const CeilingOptions& options) {
  const CpuFeatures features = detect_cpu_features();
  Ceilings ceilings;
  ceilings.read_gbs = read_bandwidth(options);
  ceilings.fp32_isa = features.avx512 ? "avx512" : features.avx2 ? "avx2" : "ref";
  ceilings.fp32_gflops = peak_gflops(options, features.avx512 ? peak::fp32_avx512
                                              : features.avx2 ? peak::fp32_avx2
                                                              : peak::fp32_ref);
  if (features.avx512_bf16) {
    ceilings.bf16_isa = "avx512-bf16";
    ceilings.bf16_gflops = peak_gflops(options, peak::bf16_avx512);
  }
  return ceilings;
}

}  // namespace switchyard::kernels

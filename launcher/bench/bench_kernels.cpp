#include <algorithm>
#include <chrono>

#include "launcher/bench/bench_parts.h"
#include "runtime/base/buffer.h"
#include "runtime/base/random.h"

namespace switchyard::launcher {
namespace {

// Enough copies of a matrix that reading them all passes through the caches.
constexpr std::size_t kColdBytes = std::size_t{512} << 20;

double now_us() {
  return std::chrono::duration<double, std::micro>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Array<Bf16> random_matrix(std::size_t count, std::uint64_t seed) {
  Array<Bf16> values(count);
  Random random(seed);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = to_bf16(static_cast<float>(random.next_unit() - 0.5) * 0.1F);
  }
  return values;
}

struct GemmShape {
  const char* name;
  std::size_t out;
  std::size_t in;
};

struct GemmTimes {
  std::size_t m = 0;
  Sample sample;
};

BenchRow gemm_row(const GemmShape& shape, DType dtype, const GemmTimes& times,
                  const kernels::Ceilings& ceilings) {
  BenchRow row;
  row.name = fmt::format("kernel/gemm {}/{}/{}x{} m={}", shape.name, to_string(dtype), shape.out,
                         shape.in, times.m);
  row.sample = times.sample;
  const double elements = static_cast<double>(shape.out) * static_cast<double>(shape.in);
  if (times.m <= 4) {
    const auto element_bytes = static_cast<double>(size_bytes(dtype));
    row.achieved = elements * element_bytes / row.sample.us_p50 / 1e3;
    row.unit = "GB/s";
    row.ceiling = ceilings.read_gbs;
    row.limit = "read bandwidth";
    return row;
  }
  const bool bf16 = dtype == DType::kBf16 && ceilings.bf16_gflops > 0;
  row.achieved = 2 * elements * static_cast<double>(times.m) / row.sample.us_p50 / 1e3;
  row.unit = "GFLOP/s";
  row.ceiling = bf16 ? ceilings.bf16_gflops : ceilings.fp32_gflops;
  row.limit = bf16 ? "bf16 peak" : "fp32 peak";
  return row;
}

Result<void> bench_gemm(kernels::Device& device, const GemmShape& shape, const BenchPlan& plan,
                        const CeilingMeter& meter, BenchRows& rows) {
  SY_ASSIGN(const auto before, meter.measure_again());
  std::vector<GemmTimes> all;
  const auto source = random_matrix(shape.out * shape.in, 7);
  const kernels::WeightView view{reinterpret_cast<const std::byte*>(source.data()), DType::kBf16,
                                 shape.out, shape.in};
  std::vector<std::unique_ptr<kernels::PackedMatrix>> copies;
  std::size_t bytes = 0;
  while (bytes < kColdBytes && copies.size() < 256) {
    SY_ASSIGN(auto packed, device.pack(view));
    bytes += packed->bytes();
    copies.push_back(std::move(packed));
  }
  const DType dtype = kernels::operand_dtype(device.precision());
  for (const std::size_t m : {1U, 4U, 16U, 64U, 256U}) {
    HostBuffer x(m * shape.in * size_bytes(dtype));
    Array<float> y(m * shape.out);
    const Rows in{x.data(), dtype, m, shape.in, shape.in};
    const MatrixView<float> out(y.data(), m, shape.out);
    std::vector<double> times;
    const std::size_t count = std::max<std::size_t>(copies.size(), 8 * plan.repeats);
    for (std::size_t i = 0; i < count; ++i) {
      const double start = now_us();
      device.gemm(in, *copies[i % copies.size()], out, kernels::Device::Store::kSet);
      times.push_back(now_us() - start);
    }
    all.push_back({m, summarise(std::move(times))});
  }
  SY_ASSIGN(const auto after, meter.measure_again());
  for (const auto& times : all) rows.add(gemm_row(shape, dtype, times, best_of(before, after)));
  return {};
}

}  // namespace

Result<void> bench_kernels(const kernels::DeviceOptions& options, const model::ModelConfig& model,
                           const BenchPlan& plan, const CeilingMeter& meter, BenchRows& rows) {
  SY_ASSIGN(const auto device, kernels::make_device("cpu", options));
  SY_TRY(device->reserve(256, 0, model.hidden, model.expert_inner));
  const std::size_t query = model.heads * model.head_size;
  const std::size_t key = model.kv_heads * model.head_size;
  SY_TRY(bench_gemm(*device, {"qkv", query + 2 * key, model.hidden}, plan, meter, rows));
  SY_TRY(bench_gemm(*device, {"expert up", model.expert_inner, model.hidden}, plan, meter, rows));
  return bench_gemm(*device, {"expert down", model.hidden, model.expert_inner}, plan, meter, rows);
}

}  // namespace switchyard::launcher

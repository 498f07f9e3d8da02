// gpu_measure [--small]: times kernels on the GPU and prints one JSON document: per kernel the
// median microseconds, the bytes or flops it must move or do, the rate, and its share of a ceiling
// that was measured in the same run. Exit code 7 without a GPU. --small: sizes for an emulated
// device.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "kernels/cuda/cuda_memory.h"
#include "kernels/device.h"
#include "runtime/base/random.h"
#include "tests/gpu/peak.h"

namespace switchyard::gpu_measure {
namespace {

using kernels::Device;

kernels::AttentionParams heads_of(std::size_t heads, std::size_t kv_heads, std::size_t size) {
  kernels::AttentionParams params;
  params.heads = heads;
  params.kv_heads = kv_heads;
  params.head_size = size;
  return params;
}

struct Sizes {
  std::size_t hidden = 4096;
  std::size_t inner = 1536;
  std::size_t experts = 64;
  std::size_t copy_bytes = std::size_t{1} << 30;
  std::size_t vocab = 151936;
  std::size_t gate_experts = 128;
  kernels::AttentionParams attention = heads_of(32, 4, 128);
  std::vector<std::size_t> contexts{512, 4096, 32768};
  std::size_t prompt_max = 4096;  // tokens at a time
  std::vector<std::size_t> rows{1, 8, 64, 512, 4096};
  unsigned int peak_blocks = 1056;
  unsigned int peak_steps = 1U << 16;
  int repeats = 20;
};

Sizes small_sizes() {
  Sizes sizes;
  sizes.hidden = 64;
  sizes.inner = 32;
  sizes.experts = 4;
  sizes.copy_bytes = std::size_t{1} << 16;
  sizes.vocab = 700;
  sizes.gate_experts = 16;
  sizes.attention = heads_of(4, 2, 16);
  sizes.contexts = {100, 600};
  sizes.rows = {1, 65};
  sizes.peak_blocks = 2;
  sizes.peak_steps = 16;
  sizes.repeats = 2;
  return sizes;
}

// Median microseconds of work that synchronizes itself.
template <class Work>
Result<double> median_us(int repeats, const Work& work) {
  std::vector<double> times;
  for (int i = 0; i < repeats + 2; ++i) {
    const auto start = std::chrono::steady_clock::now();
    SY_TRY(work());
    const std::chrono::duration<double, std::micro> spent =
        std::chrono::steady_clock::now() - start;
    if (i >= 2) times.push_back(spent.count());
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

struct Ceilings {
  double copy_gbs = 0;  // read and written
  double tensor_tflops = 0;
};

Result<void> done(cudaStream_t stream, cudaError_t queued) {
  if (queued == cudaSuccess) queued = cudaStreamSynchronize(stream);
  if (queued == cudaSuccess) return {};
  return fail(ErrorCode::kInternal, ErrorScope::kDevice, "{}", cudaGetErrorString(queued));
}

Result<Ceilings> measure_ceilings(const Sizes& sizes) {
  SY_ASSIGN(const auto stream, kernels::cuda::Stream::create());
  SY_ASSIGN(auto from, kernels::cuda::allocate_device(sizes.copy_bytes));
  SY_ASSIGN(auto to, kernels::cuda::allocate_device(sizes.copy_bytes));
  SY_TRY(done(stream.get(), cudaMemsetAsync(from.data(), 0, from.bytes(), stream.get())));
  SY_ASSIGN(const double copy_us, median_us(sizes.repeats, [&] {
              return done(stream.get(), cudaMemcpyAsync(to.data(), from.data(), to.bytes(),
                                                        cudaMemcpyDeviceToDevice, stream.get()));
            }));
  SY_ASSIGN(const double peak_us, median_us(sizes.repeats, [&] {
              return done(stream.get(), launch_tensor_peak(stream.get(), sizes.peak_blocks,
                                                           sizes.peak_steps, to.f32()));
            }));
  const double flops = 4.0 * sizes.peak_blocks * sizes.peak_steps * 4096.0;
  return Ceilings{2e-3 * static_cast<double>(sizes.copy_bytes) / copy_us, flops / peak_us / 1e6};
}

class Measurement {
 public:
  Measurement(const Sizes& sizes, const Ceilings& ceilings, Device& device)
      : sizes_(sizes), ceilings_(ceilings), device_(device) {}

  Result<void> gemm() {
    SY_ASSIGN(const auto packed, pack(sizes_.hidden, sizes_.hidden));
    for (const std::size_t rows : sizes_.rows) {
      SY_ASSIGN(auto x, device_.allocate(rows * sizes_.hidden * sizeof(Bf16)));
      SY_ASSIGN(auto y, device_.allocate(rows * sizes_.hidden * sizeof(float)));
      SY_ASSIGN(const double us, median_us(sizes_.repeats, [&] {
                  device_.gemm(operand(x, rows), *packed, {y.f32(), rows, sizes_.hidden},
                               Device::Store::kSet);
                  return device_.synchronize();
                }));
      const double elements = square(sizes_.hidden);
      add(fmt::format("gemm {}x{} m={}", sizes_.hidden, sizes_.hidden, rows), us,
          2 * elements + 6.0 * static_cast<double>(rows * sizes_.hidden),
          2 * elements * static_cast<double>(rows));
    }
    return {};
  }

  // One row of one sequence, and 64 rows of one, at the end of a context; a whole prompt.
  Result<void> attention() {
    for (const std::size_t context : sizes_.contexts) {
      const std::size_t pages = (context + kernels::kKvPageTokens - 1) / kernels::kKvPageTokens;
      const auto& params = sizes_.attention;
      SY_ASSIGN(const auto cache,
                device_.make_kv_cache({1, params.kv_heads, params.head_size, pages}));
      for (const std::size_t rows : {1, 64}) SY_TRY(attention_of(*cache, context, rows));
      if (context <= sizes_.prompt_max) SY_TRY(attention_of(*cache, context, context));
    }
    return {};
  }

  Result<void> argmax() {
    for (const std::size_t rows : sizes_.rows) {
      if (rows > 512) continue;
      SY_ASSIGN(auto logits, device_.allocate(rows * sizes_.vocab * sizeof(float)));
      SY_ASSIGN(auto ids, device_.allocate_wire(rows * sizeof(std::uint32_t)));
      SY_ASSIGN(const double us, median_us(sizes_.repeats, [&] {
                  device_.argmax({logits.f32(), rows, sizes_.vocab},
                                 {reinterpret_cast<std::uint32_t*>(ids.data()), rows});
                  return device_.synchronize();
                }));
      add(fmt::format("argmax {} m={}", sizes_.vocab, rows), us,
          4.0 * static_cast<double>(rows * sizes_.vocab), 0);
    }
    return {};
  }

  // The best eight by softmax, to the host.
  Result<void> select() {
    auto* const selector = device_.expert_selector();
    SelectionRule rule;
    rule.k_min = rule.k_max = rule.ranked = 8;
    const std::size_t experts = sizes_.gate_experts;
    for (const std::size_t rows : sizes_.rows) {
      const std::size_t slots = rows * rule.k_max;
      SY_ASSIGN(auto logits, device_.allocate(rows * experts * sizeof(float)));
      SY_ASSIGN(auto wire, device_.allocate_wire((rows + 2 * slots) * sizeof(float)));
      auto* const words = reinterpret_cast<std::uint32_t*>(wire.data());
      const kernels::SelectedRows out{
          rule.k_max,
          {words, rows},
          {words + rows, slots},
          {reinterpret_cast<float*>(wire.data()) + rows + slots, slots}};
      SY_ASSIGN(const double us, median_us(sizes_.repeats, [&] {
                  selector->select({logits.f32(), rows, experts}, rule, out);
                  return device_.synchronize();
                }));
      add(fmt::format("select 8 of {} m={}", experts, rows), us,
          4.0 * static_cast<double>(rows * experts + rows + 2 * slots), 0);
    }
    return {};
  }

  // Every row goes to two experts in turn.
  Result<void> experts() {
    std::vector<std::unique_ptr<kernels::PackedExpert>> experts;
    const auto up = values(sizes_.inner * sizes_.hidden);
    for (std::size_t e = 0; e < sizes_.experts; ++e) {
      SY_ASSIGN(auto expert, device_.pack_expert(view(up, sizes_.inner, sizes_.hidden),
                                                 view(up, sizes_.inner, sizes_.hidden),
                                                 view(up, sizes_.hidden, sizes_.inner)));
      experts.push_back(std::move(expert));
    }
    for (const std::size_t rows : sizes_.rows) SY_TRY(experts_of(experts, rows));
    return {};
  }

  [[nodiscard]] nlohmann::json document() const {
    return {{"device", device_.description()},
            {"copy_gbs", ceilings_.copy_gbs},
            {"tensor_tflops", ceilings_.tensor_tflops},
            {"kernels", rows_}};
  }

 private:
  Result<void> attention_of(kernels::KvCache& cache, std::size_t context, std::size_t rows) {
    const auto& params = sizes_.attention;
    const std::size_t q_columns = params.heads * params.head_size;
    const std::size_t kv_columns = params.kv_heads * params.head_size;
    SY_ASSIGN(auto rope, device_.allocate(context * params.head_size / 2 * sizeof(float)));
    SY_ASSIGN(auto q, device_.allocate(rows * q_columns * sizeof(float)));
    SY_ASSIGN(auto k, device_.allocate(rows * kv_columns * sizeof(float)));
    SY_ASSIGN(auto v, device_.allocate(rows * kv_columns * sizeof(float)));
    SY_ASSIGN(auto out, device_.allocate(rows * q_columns * sizeof(Bf16)));
    SY_TRY(device_.reserve(rows, 0, 0, 0));
    auto with = params;
    with.rope_cos = rope.f32_span();
    with.rope_sin = rope.f32_span();
    std::vector<std::uint32_t> table;
    for (std::uint32_t page = 0; page < cache.shape().pages; ++page) table.push_back(page);
    std::vector<std::uint32_t> position;
    for (std::size_t t = 0; t < rows; ++t) {
      position.push_back(static_cast<std::uint32_t>(context - rows + t));
    }
    const std::vector<const std::uint32_t*> pages(rows, table.data());
    SY_ASSIGN(const double us, median_us(sizes_.repeats, [&] {
                device_.attention(with, cache, 0, {position, pages}, {q.f32(), rows, q_columns},
                                  {k.f32(), rows, kv_columns}, {v.f32(), rows, kv_columns},
                                  {out.data(), DType::kBf16, rows, q_columns, q_columns});
                return device_.synchronize();
              }));
    add(fmt::format("attention {}/{} of {} context {} m={}", params.heads, params.kv_heads,
                    params.head_size, context, rows),
        us, 4.0 * static_cast<double>(context * kv_columns),
        4.0 * (static_cast<double>(rows * context) - static_cast<double>(rows * (rows - 1)) / 2) *
            static_cast<double>(q_columns));
    return {};
  }
  Result<void> experts_of(const std::vector<std::unique_ptr<kernels::PackedExpert>>& experts,
                          std::size_t rows) {
    std::vector<std::uint32_t> row;
    std::vector<std::uint32_t> out;
    std::vector<kernels::ExpertGroup> groups;
    for (std::size_t e = 0; e < experts.size(); ++e) {
      const auto begin = static_cast<std::uint32_t>(row.size());
      for (std::uint32_t t = 0; t < rows; ++t) {
        for (std::uint32_t j = 0; j < 2; ++j) {
          if ((2 * t + j) % experts.size() != e) continue;
          row.push_back(t);
          out.push_back(2 * t + j);
        }
      }
      const auto count = static_cast<std::uint32_t>(row.size()) - begin;
      if (count != 0) groups.push_back({experts[e].get(), begin, count});
    }
    SY_TRY(device_.reserve(rows, row.size(), sizes_.hidden, sizes_.inner));
    SY_ASSIGN(auto x, device_.allocate(rows * sizes_.hidden * sizeof(Bf16)));
    SY_ASSIGN(auto y, device_.allocate(row.size() * sizes_.hidden * sizeof(Bf16)));
    SY_ASSIGN(const double us, median_us(sizes_.repeats, [&] {
                device_.expert_ffn(
                    operand(x, rows), row, out, groups,
                    {y.data(), DType::kBf16, row.size(), sizes_.hidden, sizes_.hidden});
                return device_.synchronize();
              }));
    const double weights = 3.0 * static_cast<double>(sizes_.inner * sizes_.hidden);
    add(fmt::format("experts {} of {} m={}", groups.size(), experts.size(), rows), us,
        2 * weights * static_cast<double>(groups.size()),
        2 * weights * static_cast<double>(row.size()));
    return {};
  }

  static double square(std::size_t n) { return static_cast<double>(n) * static_cast<double>(n); }
  static std::vector<float> values(std::size_t count) {
    Random random(1);
    std::vector<float> all(count);
    for (auto& value : all) value = static_cast<float>(random.next_unit() - 0.5);
    return all;
  }
  static kernels::WeightView view(const std::vector<float>& from, std::size_t out, std::size_t in) {
    return {reinterpret_cast<const std::byte*>(from.data()), DType::kF32, out, in};
  }
  Result<std::unique_ptr<kernels::PackedMatrix>> pack(std::size_t out, std::size_t in) {
    const auto from = values(out * in);
    return device_.pack(view(from, out, in));
  }
  Rows operand(const kernels::DeviceMemory& x, std::size_t rows) const {
    return {x.data(), DType::kBf16, rows, sizes_.hidden, sizes_.hidden};
  }

  void add(const std::string& name, double us, double bytes, double flops) {
    const double gbs = bytes / us / 1e3;
    const double tflops = flops / us / 1e6;
    rows_.push_back({{"name", name},
                     {"us_p50", us},
                     {"bytes", bytes},
                     {"flops", flops},
                     {"gbs", gbs},
                     {"tflops", tflops},
                     {"share_of_copy", gbs / ceilings_.copy_gbs},
                     {"share_of_tensor", tflops / ceilings_.tensor_tflops}});
  }

  Sizes sizes_;
  Ceilings ceilings_;
  Device& device_;
  nlohmann::json rows_ = nlohmann::json::array();
};

// The products again with the opt-in; null where this build or machine has no cuBLAS.
Result<nlohmann::json> run_cublas(const Sizes& sizes, const Ceilings& ceilings) {
  kernels::DeviceOptions options;
  options.cuda_gemm = kernels::CudaGemm::kCublas;
  const auto device = kernels::make_device("cuda", options);
  if (!device && device.error().code == ErrorCode::kUnsupported) return nlohmann::json(nullptr);
  if (!device) return Unexpected(device.error());
  Measurement measurement(sizes, ceilings, **device);
  SY_TRY(measurement.gemm());
  SY_TRY(measurement.experts());
  return measurement.document();
}

Result<void> run(const Sizes& sizes) {
  SY_ASSIGN(const auto device, kernels::make_device("cuda", {}));
  SY_ASSIGN(const auto ceilings, measure_ceilings(sizes));
  Measurement measurement(sizes, ceilings, *device);
  SY_TRY(measurement.gemm());
  SY_TRY(measurement.experts());
  SY_TRY(measurement.attention());
  SY_TRY(measurement.argmax());
  SY_TRY(measurement.select());
  auto document = measurement.document();
  SY_ASSIGN(document["with_cublas"], run_cublas(sizes, ceilings));
  std::printf("%s\n", document.dump(2).c_str());
  return {};
}

}  // namespace
}  // namespace switchyard::gpu_measure

int main(int argc, char** argv) {
  namespace measure = switchyard::gpu_measure;
  const bool small = argc > 1 && std::strcmp(argv[1], "--small") == 0;
  const auto outcome = measure::run(small ? measure::small_sizes() : measure::Sizes{});
  if (outcome) return 0;
  std::fprintf(stderr, "%s\n", outcome.error().message.c_str());
  return outcome.error().code == switchyard::ErrorCode::kUnsupported ? 7 : 1;
}

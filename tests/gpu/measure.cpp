// gpu_measure [--small]: times kernels on the GPU and prints one JSON document: per kernel the
// median microseconds, the bytes or flops it must move or do, the rate, and its share of a ceiling
// that was measured in the same run. Exit code 7 without a GPU. --small: sizes for an emulated
// device.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "kernels/ceilings.h"
#include "kernels/device.h"
#include "runtime/base/random.h"

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
  std::size_t hidden = 2048;
  std::size_t qkv = 5120;
  std::size_t inner = 768;
  std::size_t experts = 128;
  std::size_t experts_a_row = 8;
  std::size_t cold_bytes = std::size_t{256} << 20;  // of copies of a matrix, far above the caches
  std::size_t vocab = 151936;
  std::size_t gate_experts = 128;
  kernels::AttentionParams attention = heads_of(32, 4, 128);
  std::vector<std::size_t> contexts{512, 4096, 32768};
  std::size_t prompt_max = 4096;  // tokens at a time
  std::vector<std::size_t> rows{1, 8, 64, 512, 4096};
  int repeats = 15;
  int calls = 20;  // queued between two looks at the clock
};

Sizes small_sizes() {
  Sizes sizes;
  sizes.hidden = 64;
  sizes.qkv = 96;
  sizes.inner = 32;
  sizes.experts = 4;
  sizes.experts_a_row = 2;
  sizes.cold_bytes = 1;
  sizes.vocab = 700;
  sizes.gate_experts = 16;
  sizes.attention = heads_of(4, 2, 16);
  sizes.contexts = {100, 600};
  sizes.rows = {1, 65};
  sizes.repeats = 2;
  sizes.calls = 2;
  return sizes;
}

using kernels::Ceilings;

class Measurement {
 public:
  Measurement(const Sizes& sizes, const Ceilings& ceilings, Device& device)
      : sizes_(sizes), ceilings_(ceilings), device_(device) {}

  // The matrix of a call was not used for so many bytes that no cache has it.
  Result<void> gemm(std::size_t out) {
    std::vector<std::unique_ptr<kernels::PackedMatrix>> copies;
    std::size_t bytes = 0;
    while (bytes < sizes_.cold_bytes) {
      SY_ASSIGN(auto packed, pack(out, sizes_.hidden));
      bytes += packed->bytes();
      copies.push_back(std::move(packed));
    }
    for (const std::size_t rows : sizes_.rows) {
      SY_ASSIGN(auto x, operand_rows(rows));
      SY_ASSIGN(auto y, device_.allocate(rows * out * sizeof(float)));
      std::size_t next = 0;
      SY_ASSIGN(const double us, median_us([&] {
                  device_.gemm(operand(x, rows), *copies[next++ % copies.size()],
                               {y.f32(), rows, out}, Device::Store::kSet);
                }));
      const double elements = static_cast<double>(out * sizes_.hidden);
      add(fmt::format("gemm {}x{} m={}", out, sizes_.hidden, rows), us,
          2 * elements + static_cast<double>(rows * (2 * sizes_.hidden + 4 * out)),
          2 * elements * static_cast<double>(rows));
    }
    return {};
  }
  Result<void> gemm() {
    SY_TRY(gemm(sizes_.qkv));
    return gemm(sizes_.hidden);
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
      SY_ASSIGN(const double us, median_us([&] {
                  device_.argmax({logits.f32(), rows, sizes_.vocab},
                                 {reinterpret_cast<std::uint32_t*>(ids.data()), rows});
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
      SY_ASSIGN(const double us, median_us([&] {
                  selector->select({logits.f32(), rows, experts}, rule, out);
                }));
      add(fmt::format("select 8 of {} m={}", experts, rows), us,
          4.0 * static_cast<double>(rows * experts + rows + 2 * slots), 0);
    }
    return {};
  }

  // Every row goes to so many experts in turn.
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
            {"read_gbs", ceilings_.read_gbs},
            {"tensor_tflops", ceilings_.bf16_gflops / 1e3},
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
    SY_ASSIGN(const double us, median_us([&] {
                device_.attention(with, cache, 0, {position, pages}, {q.f32(), rows, q_columns},
                                  {k.f32(), rows, kv_columns}, {v.f32(), rows, kv_columns},
                                  {out.data(), DType::kBf16, rows, q_columns, q_columns});
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
        for (std::uint32_t j = 0; j < sizes_.experts_a_row; ++j) {
          const auto pair = t * static_cast<std::uint32_t>(sizes_.experts_a_row) + j;
          if (pair % experts.size() != e) continue;
          row.push_back(t);
          out.push_back(pair);
        }
      }
      const auto count = static_cast<std::uint32_t>(row.size()) - begin;
      if (count != 0) groups.push_back({experts[e].get(), begin, count});
    }
    SY_TRY(device_.reserve(rows, row.size(), sizes_.hidden, sizes_.inner));
    SY_ASSIGN(auto x, operand_rows(rows));
    SY_ASSIGN(auto y, device_.allocate(row.size() * sizes_.hidden * sizeof(Bf16)));
    SY_ASSIGN(const double us, median_us([&] {
                device_.expert_ffn(
                    operand(x, rows), row, out, groups,
                    {y.data(), DType::kBf16, row.size(), sizes_.hidden, sizes_.hidden});
              }));
    const double weights = 3.0 * static_cast<double>(sizes_.inner * sizes_.hidden);
    add(fmt::format("experts {} of {} m={}", groups.size(), experts.size(), rows), us,
        2 * weights * static_cast<double>(groups.size()),
        2 * weights * static_cast<double>(row.size()));
    return {};
  }

  // Median microseconds of one call, with what it costs to queue it.
  template <class Queue>
  Result<double> median_us(const Queue& queue) {
    std::vector<double> times;
    for (int i = 0; i < sizes_.repeats + 2; ++i) {
      const auto start = std::chrono::steady_clock::now();
      for (int call = 0; call < sizes_.calls; ++call) queue();
      SY_TRY(device_.synchronize());
      const std::chrono::duration<double, std::micro> spent =
          std::chrono::steady_clock::now() - start;
      if (i >= 2) times.push_back(spent.count() / sizes_.calls);
    }
    std::ranges::sort(times);
    return times[times.size() / 2];
  }
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
  // Random values: a GPU does zeros faster.
  Result<kernels::DeviceMemory> operand_rows(std::size_t rows) {
    const auto from = values(rows * sizes_.hidden);
    std::vector<Bf16> rounded(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) rounded[i] = to_bf16(from[i]);
    SY_ASSIGN(auto memory, device_.allocate(rounded.size() * sizeof(Bf16)));
    SY_TRY(device_.upload(std::as_bytes(std::span(rounded)), memory.data()));
    return memory;
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
                     {"share_of_read", gbs / ceilings_.read_gbs},
                     {"share_of_tensor", 1e3 * tflops / ceilings_.bf16_gflops}});
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
  SY_ASSIGN(const auto ceilings, kernels::measure_device_ceilings("cuda", {}, {}));
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

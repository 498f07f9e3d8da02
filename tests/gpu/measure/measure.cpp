// gpu_measure [--small]: times kernels on the GPU and prints one JSON document: per kernel the
// median microseconds, the bytes or flops it must move or do, the rate, and its share of a ceiling
// that was measured in the same run. Exit code 7 without a GPU. --small: sizes for an emulated
// device.
#include <cstdio>
#include <cstring>

#include "tests/gpu/measure/row_ops.h"
#include "tests/gpu/measure/stopwatch.h"

namespace switchyard::gpu_measure {
namespace {

using kernels::Device;

// Products, attention and what chooses; row_ops.h has the rest.
class Measurement {
 public:
  Measurement(const Sizes& sizes, Stopwatch& watch, Device& device)
      : sizes_(sizes), watch_(watch), device_(device) {}

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
      SY_ASSIGN(const double us, watch_.median_us([&] {
        device_.gemm(operand(x, rows), *copies[next++ % copies.size()], {y.f32(), rows, out},
                     Device::Store::kSet);
      }));
      const double elements = static_cast<double>(out * sizes_.hidden);
      watch_.add(fmt::format("gemm {}x{} m={}", out, sizes_.hidden, rows), us,
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
      SY_ASSIGN(const double us, watch_.median_us([&] {
        device_.argmax({logits.f32(), rows, sizes_.vocab},
                       {reinterpret_cast<std::uint32_t*>(ids.data()), rows});
      }));
      watch_.add(fmt::format("argmax {} m={}", sizes_.vocab, rows), us,
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
      SY_ASSIGN(const double us, watch_.median_us([&] {
        selector->select({logits.f32(), rows, experts}, rule, out);
      }));
      watch_.add(fmt::format("select 8 of {} m={}", experts, rows), us,
                 4.0 * static_cast<double>(rows * experts + rows + 2 * slots), 0);
    }
    return {};
  }

  // Every row goes to so many experts in turn.
  Result<void> experts() {
    std::vector<std::unique_ptr<kernels::PackedExpert>> experts;
    const auto up = random_values(sizes_.inner * sizes_.hidden);
    for (std::size_t e = 0; e < sizes_.experts; ++e) {
      SY_ASSIGN(auto expert, device_.pack_expert(weight_view(up, sizes_.inner, sizes_.hidden),
                                                 weight_view(up, sizes_.inner, sizes_.hidden),
                                                 weight_view(up, sizes_.hidden, sizes_.inner)));
      experts.push_back(std::move(expert));
    }
    for (const std::size_t rows : sizes_.rows) SY_TRY(experts_of(experts, rows));
    return {};
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
    SY_ASSIGN(const double us, watch_.median_us([&] {
      device_.attention(with, cache, 0, {position, pages}, {q.f32(), rows, q_columns},
                        {k.f32(), rows, kv_columns}, {v.f32(), rows, kv_columns},
                        {out.data(), DType::kBf16, rows, q_columns, q_columns});
    }));
    watch_.add(
        fmt::format("attention {}/{} of {} context {} m={}", params.heads, params.kv_heads,
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
    SY_ASSIGN(const double us, watch_.median_us([&] {
      device_.expert_ffn(operand(x, rows), row, out, groups,
                         {y.data(), DType::kBf16, row.size(), sizes_.hidden, sizes_.hidden});
    }));
    const double weights = 3.0 * static_cast<double>(sizes_.inner * sizes_.hidden);
    watch_.add(fmt::format("experts {} of {} m={}", groups.size(), experts.size(), rows), us,
               2 * weights * static_cast<double>(groups.size()),
               2 * weights * static_cast<double>(row.size()));
    return {};
  }

  Result<std::unique_ptr<kernels::PackedMatrix>> pack(std::size_t out, std::size_t in) {
    const auto from = random_values(out * in);
    return device_.pack(weight_view(from, out, in));
  }
  Result<kernels::DeviceMemory> operand_rows(std::size_t rows) {
    return random_bf16(device_, rows * sizes_.hidden);
  }
  Rows operand(const kernels::DeviceMemory& x, std::size_t rows) const {
    return {x.data(), DType::kBf16, rows, sizes_.hidden, sizes_.hidden};
  }

  Sizes sizes_;
  Stopwatch& watch_;
  Device& device_;
};

// The products again with the opt-in; null where this build or machine has no cuBLAS.
Result<nlohmann::json> run_cublas(const Sizes& sizes, const kernels::Ceilings& ceilings) {
  kernels::DeviceOptions options;
  options.cuda_gemm = kernels::CudaGemm::kCublas;
  const auto device = kernels::make_device("cuda", options);
  if (!device && device.error().code == ErrorCode::kUnsupported) return nlohmann::json(nullptr);
  if (!device) return Unexpected(device.error());
  Stopwatch watch(sizes, ceilings, **device);
  Measurement measurement(sizes, watch, **device);
  SY_TRY(measurement.gemm());
  SY_TRY(measurement.experts());
  return watch.document();
}

Result<void> run(const Sizes& sizes) {
  SY_ASSIGN(const auto device, kernels::make_device("cuda", {}));
  SY_ASSIGN(const auto ceilings, kernels::measure_device_ceilings("cuda", {}, {}));
  Stopwatch watch(sizes, ceilings, *device);
  Measurement measurement(sizes, watch, *device);
  SY_TRY(measurement.gemm());
  SY_TRY(measurement.experts());
  SY_TRY(measurement.attention());
  SY_TRY(measurement.argmax());
  SY_TRY(measurement.select());
  SY_TRY(measure_row_ops(sizes, watch, *device));
  auto document = watch.document();
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

#include "kernels/op_list.h"

#include <array>

#include "kernels/avx2/kernels_avx2.h"
#include "kernels/avx512/kernels_avx512.h"
#include "kernels/ref/kernels_ref.h"

namespace switchyard::kernels {
namespace {

enum class Isa { kAvx512Bf16, kAvx512, kAvx2, kRef };
constexpr std::array<const char*, 4> kIsaNames{"avx512-bf16", "avx512", "avx2", "ref"};

// Empty when the processor can run it.
std::string missing(Isa isa, const CpuFeatures& features) {
  switch (isa) {
    case Isa::kAvx512Bf16:
      if (!features.avx512) return "this processor has no AVX-512 (F, BW, DQ, VL)";
      return features.avx512_bf16 ? "" : "this processor has no AVX512_BF16";
    case Isa::kAvx512:
      return features.avx512 ? "" : "this processor has no AVX-512 (F, BW, DQ, VL)";
    case Isa::kAvx2: return features.avx2 ? "" : "this processor has no AVX2 with FMA and F16C";
    case Isa::kRef: return "";
  }
  return "";
}

template <class Kernel>
struct Candidate {
  Isa isa;
  const char* name;
  Precision precision;
  const Kernel* kernel = nullptr;
};

const std::vector<Candidate<GemmKernel>> kGemms{
    {Isa::kAvx512Bf16, "avx512-bf16", Precision::kBf16, &avx512::kGemmDotBf16},
    {Isa::kAvx512, "avx512", Precision::kBf16, &avx512::kGemmWideBf16},
    {Isa::kAvx2, "avx2", Precision::kBf16, &avx2::kGemmWideBf16},
    {Isa::kRef, "ref", Precision::kBf16, &ref::kGemmWideBf16},
    {Isa::kAvx512, "avx512", Precision::kFp32, &avx512::kGemmF32},
    {Isa::kAvx2, "avx2", Precision::kFp32, &avx2::kGemmF32},
    {Isa::kRef, "ref", Precision::kFp32, &ref::kGemmF32},
};
const std::vector<Candidate<AttentionKernel>> kAttentions{
    {Isa::kAvx512Bf16, "avx512-bf16", Precision::kBf16, &avx512::kAttentionDotBf16},
    {Isa::kAvx512, "avx512", Precision::kBf16, &avx512::kAttentionWideBf16},
    {Isa::kAvx2, "avx2", Precision::kBf16, &avx2::kAttentionWideBf16},
    {Isa::kRef, "ref", Precision::kBf16, &ref::kAttentionWideBf16},
    {Isa::kAvx512, "avx512", Precision::kFp32, &avx512::kAttentionF32},
    {Isa::kAvx2, "avx2", Precision::kFp32, &avx2::kAttentionF32},
    {Isa::kRef, "ref", Precision::kFp32, &ref::kAttentionF32},
};
const std::vector<Candidate<RowKernels>> kRows{
    {Isa::kAvx512, "avx512", Precision::kBf16, &avx512::kRows},
    {Isa::kAvx2, "avx2", Precision::kBf16, &avx2::kRows},
    {Isa::kRef, "ref", Precision::kBf16, &ref::kRows},
};

struct Wanted {
  const CpuFeatures& features;
  std::size_t best = 0;  // index of the best instruction set allowed
};

template <class Kernel>
Kernel choose(const char* op, const std::vector<Candidate<Kernel>>& candidates, Precision precision,
              const Wanted& wanted, std::vector<KernelChoice>& list) {
  Kernel chosen{};
  bool found = false;
  for (const auto& candidate : candidates) {
    if (candidate.precision != precision) continue;
    KernelChoice choice{op, candidate.name, false, {}};
    if (static_cast<std::size_t>(candidate.isa) < wanted.best) {
      choice.reason = std::string("device.isa asks for ") + kIsaNames[wanted.best];
    } else {
      choice.reason = missing(candidate.isa, wanted.features);
    }
    if (choice.reason.empty() && !found) {
      choice.chosen = true;
      found = true;
      chosen = *candidate.kernel;
    }
    list.push_back(std::move(choice));
  }
  return chosen;
}

Result<std::size_t> best_isa(const std::string& name, const CpuFeatures& features) {
  if (name == "auto") return 0;
  for (std::size_t i = 0; i < kIsaNames.size(); ++i) {
    if (name != kIsaNames[i]) continue;
    const auto why = missing(static_cast<Isa>(i), features);
    if (!why.empty()) return fail(ErrorCode::kUnsupported, "device.isa {}: {}", name, why);
    return i;
  }
  return fail(ErrorCode::kUsage,
              "device.isa '{}' is unknown; there are: auto, avx512-bf16, avx512, avx2, ref", name);
}

}  // namespace

Result<KernelChoices> choose_kernels(const CpuFeatures& features, const DeviceOptions& options) {
  SY_ASSIGN(const auto best, best_isa(options.isa, features));
  const Wanted wanted{features, best};
  KernelChoices choices;
  auto& list = choices.list;
  choices.set.gemm = choose("gemm", kGemms, options.precision, wanted, list);
  for (const auto& choice : list) {
    if (choice.chosen) choices.set.isa = choice.candidate;
  }
  // Measured with VDPBF16PS only. Cores that multiply 512 bits at once stream better by touches.
  if (features.halved_512 && choices.set.isa == kIsaNames[0]) {
    choices.set.gemm.stream = Stream::kEveryLine;
  }
  choices.set.gate = choose("gate", kGemms, Precision::kFp32, wanted, list);
  choices.set.attention = choose("attention", kAttentions, options.precision, wanted, list);
  choices.set.rows = choose("rows", kRows, Precision::kBf16, wanted, list);
  return choices;
}

}  // namespace switchyard::kernels

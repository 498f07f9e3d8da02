// Gate logits to experts and weights: scores, ranking, the count rule and the weights of a token in
// one kernel, so that neither logits nor decisions wait for the host.
// Ladder:
//   1 one thread a token: E exps and k E comparisons in a row.
//   2 (this) one warp a token, scores and ranking keys in shared memory: exps side by side; a
//   ranking
//     pass is E / 32 looks a lane and 10 shuffles; the count rule and the sum of the kept scores
//     are short chains of one lane.
//   3 (not yet) as the end of the gate's product.
// Bytes of a row: 4 E read (the gate has just written them: second-level cache), 4 + 8 k written to
// the host; about 20 E flops and k E / 32 comparisons a lane.
// The arithmetic is runtime/base/gate_math.h, in the order of runtime/routing, which the tests hold
// it to: the same bits (nvcc runs with -fmad=false; nothing here is an approximation).
// Law 1: a warp sees one row.
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"
#include "runtime/base/gate_math.h"

namespace switchyard::kernels::cuda {
namespace {

constexpr unsigned int kSelectWarps = 4;
constexpr unsigned int kSelectThreads = kSelectWarps * kWarp;
constexpr std::uint32_t kNobody = 0xFFFFFFFFU;

// Of one warp.
struct SelectShared {
  float score[kSelectExpertsMax];
  float key[kSelectExpertsMax];  // of the ranking; -infinity once taken
  std::uint16_t ranked[kSelectExpertsMax];
};

__device__ __forceinline__ float minus_infinity() { return __uint_as_float(0xFF800000U); }

// The eight lanes' sums of value(e) over e = lane, lane + 8, ..., folded; the same in every lane.
template <class Value>
__device__ __forceinline__ float sum_in_gate_order(std::size_t experts, const Value& value) {
  const unsigned int lane = threadIdx.x % kWarp;
  float sum = 0.0F;
  if (lane < kGateLanes) {
    for (std::size_t e = lane; e < experts; e += kGateLanes) sum += value(e);
  }
  float part[kGateLanes];
#pragma unroll
  for (unsigned int l = 0; l < kGateLanes; ++l) part[l] = __shfl_sync(kAllLanes, sum, l);
  return fold_gate_lanes(part);
}

// The highest logit; false where one is not finite. Logits become the keys.
__device__ __forceinline__ bool load_logits(const SelectArgs& args, std::size_t row,
                                            SelectShared& shared, float& top) {
  bool finite = true;
  top = -3.402823466e38F;
  for (std::size_t e = threadIdx.x % kWarp; e < args.cols; e += kWarp) {
    const float z = args.logits[row * args.stride + e];
    finite = finite && z - z == 0.0F;
    top = z > top ? z : top;
    shared.key[e] = z;
  }
  top = warp_max(top);
  return __all_sync(kAllLanes, finite) != 0;
}

__device__ __forceinline__ float clamped(float x) { return x < kGateExpFloor ? kGateExpFloor : x; }

// Scores from the logits in shared.key. Returns what scores are multiplied by to be shares; total:
// of the exps (softmax) or scores (sigmoid).
__device__ float score_experts(const SelectArgs& args, float top, SelectShared& shared,
                               float& total) {
  const unsigned int lane = threadIdx.x % kWarp;
  const bool softmax = args.rule.scores == GateScores::kSoftmax;
  for (std::size_t e = lane; e < args.cols; e += kWarp) {
    const float z = shared.key[e];
    shared.score[e] =
        softmax ? gate_exp(clamped(z - top)) : gate_sigmoid(z, gate_exp(clamped(z > 0 ? -z : z)));
  }
  __syncwarp();
  total = sum_in_gate_order(args.cols, [&](std::size_t e) { return shared.score[e]; });
  if (softmax) {
    __syncwarp();  // every lane has summed
    for (std::size_t e = lane; e < args.cols; e += kWarp) shared.score[e] /= total;
  }
  __syncwarp();
  return gate_share_scale(args.rule.scores, total);
}

// Of the shares, over ln E; in lane 0. Before the ranking, which needs the keys.
__device__ float entropy_of(const SelectArgs& args, float top, float total, float share_scale,
                            const SelectShared& shared) {
  if (args.cols < 2) return 0.0F;
  double entropy = 0;
  if (args.rule.scores == GateScores::kSoftmax) {
    const float moment = sum_in_gate_order(
        args.cols, [&](std::size_t e) { return shared.score[e] * clamped(shared.key[e] - top); });
    entropy = gate_log(total) - static_cast<double>(moment);
  } else if (threadIdx.x % kWarp == 0) {
    for (std::size_t e = 0; e < args.cols; ++e) {
      const double share = static_cast<double>(shared.score[e] * share_scale);
      if (share > 1e-30) entropy -= share * gate_log(share);
    }
  }
  const double normalised = entropy / gate_log(static_cast<double>(args.cols));
  return static_cast<float>(normalised < 0.0 ? 0.0 : (1.0 < normalised ? 1.0 : normalised));
}

// The index of the highest of value(0), ..., value(count - 1), of equal ones the lowest.
template <class Value>
__device__ __forceinline__ std::uint32_t best_of(std::size_t count, const Value& value) {
  float best = minus_infinity();
  std::uint32_t at = kNobody;
  for (std::size_t i = threadIdx.x % kWarp; i < count; i += kWarp) {
    const float here = value(i);
    if (here > best) {
      best = here;
      at = static_cast<std::uint32_t>(i);
    }
  }
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) {
    const float other = __shfl_xor_sync(kAllLanes, best, mask);
    const std::uint32_t other_at = __shfl_xor_sync(kAllLanes, at, mask);
    if (other > best || (other == best && other_at < at)) {
      best = other;
      at = other_at;
    }
  }
  return at;
}

// A group's key: the sum of its two best, or its one.
__device__ float group_key(const float* key, std::size_t size) {
  float first = minus_infinity();
  float second = minus_infinity();
  for (std::size_t i = 0; i < size; ++i) {
    if (key[i] > first) {
      second = first;
      first = key[i];
    } else if (key[i] > second) {
      second = key[i];
    }
  }
  return size > 1 ? first + second : first;
}

// Keys become biased scores; those outside the best groups become -infinity.
__device__ void keep_best_groups(const SelectArgs& args, SelectShared& shared) {
  const unsigned int lane = threadIdx.x % kWarp;
  const SelectionRule& rule = args.rule;
  const std::size_t size = args.cols / rule.groups;
  for (std::size_t e = lane; e < args.cols; e += kWarp) {
    shared.key[e] = shared.score[e] + (rule.bias == nullptr ? 0.0F : rule.bias[e]);
  }
  __syncwarp();
  // ranked[g] is 1 for a group that is kept; groups are at most as many as experts.
  for (std::size_t g = lane; g < rule.groups; g += kWarp) shared.ranked[g] = 0;
  __syncwarp();
  for (std::uint32_t i = 0; i < rule.groups_kept; ++i) {
    const std::uint32_t g = best_of(rule.groups, [&](std::size_t group) {
      return shared.ranked[group] != 0 ? minus_infinity()
                                       : group_key(shared.key + group * size, size);
    });
    if (lane == 0 && g != kNobody) shared.ranked[g] = 1;
    __syncwarp();
  }
  for (std::size_t e = lane; e < args.cols; e += kWarp) {
    if (shared.ranked[e / size] == 0) shared.key[e] = minus_infinity();
  }
  __syncwarp();
}

__device__ void rank_experts(const SelectArgs& args, SelectShared& shared) {
  if (args.rule.groups != 0) keep_best_groups(args, shared);
  for (std::uint32_t i = 0; i < args.rule.ranked; ++i) {
    const std::uint32_t e = best_of(args.cols, [&](std::size_t at) { return shared.key[at]; });
    if (threadIdx.x % kWarp == 0) {
      shared.ranked[i] = static_cast<std::uint16_t>(e);
      shared.key[e] = minus_infinity();
    }
    __syncwarp();
  }
}

// k by the rule, in one lane. 0: a signal without an answer.
__device__ std::uint32_t count_kept(const SelectionRule& rule, float share_scale, float entropy,
                                    const SelectShared& shared) {
  const auto share = [&](std::size_t rank) {
    return shared.score[shared.ranked[rank]] * share_scale;
  };
  if (rule.keep == KeepRule::kFixed) return rule.k_max;
  if (rule.keep == KeepRule::kRelative) {
    return static_cast<std::uint32_t>(keep_relative(share, rule.cut, rule.k_min, rule.k_max));
  }
  if (rule.keep == KeepRule::kTopP) {
    return static_cast<std::uint32_t>(keep_top_p(share, rule.cut, rule.k_min, rule.k_max));
  }
  float signal = entropy;
  if (rule.signal == StepSignal::kMargin) signal = margin_signal(share, rule.ranked);
  if (rule.signal == StepSignal::kMass) signal = mass_signal(share, rule.k_min);
  if (rule.signal == StepSignal::kBest) signal = 1.0F - share(0);
  if (!(signal - signal == 0.0F)) return 0;
  std::uint32_t k = rule.k_min;
  for (std::uint32_t s = 0; s < rule.steps; ++s) {
    k += static_cast<double>(signal) >= rule.thresholds[s] ? 1 : 0;
  }
  return k;
}

// What the kept scores are multiplied by, in one lane.
__device__ float weight_factor(const SelectionRule& rule, std::uint32_t k,
                               const SelectShared& shared) {
  float kept = 0.0F;
  for (std::uint32_t i = 0; i < k; ++i) kept += shared.score[shared.ranked[i]];
  if (rule.base == WeightBase::kOne) return rule.scale;
  if (rule.base == WeightBase::kKept) return rule.scale / (kept + 1e-20F);
  float mass = 0.0F;
  for (std::uint32_t i = 0; i < rule.k_static; ++i) mass += shared.score[shared.ranked[i]];
  return rule.scale * (mass / (kept + 1e-20F));
}

__global__ void __launch_bounds__(kSelectThreads) select_kernel(SelectArgs args) {
  __shared__ SelectShared of_warp[kSelectWarps];
  SelectShared& shared = of_warp[threadIdx.x / kWarp];
  const unsigned int lane = threadIdx.x % kWarp;
  const std::size_t row = std::size_t{blockIdx.x} * kSelectWarps + threadIdx.x / kWarp;
  if (row >= args.rows) return;
  float top = 0.0F;
  if (!load_logits(args, row, shared, top)) {
    if (lane == 0) args.count[row] = 0;
    return;
  }
  __syncwarp();
  float total = 0.0F;
  const float share_scale = score_experts(args, top, shared, total);
  float entropy = 0.0F;
  if (args.rule.keep == KeepRule::kSteps && args.rule.signal == StepSignal::kEntropy) {
    entropy = entropy_of(args, top, total, share_scale, shared);
    __syncwarp();
  }
  rank_experts(args, shared);
  std::uint32_t k = 0;
  float factor = 0.0F;
  if (lane == 0) {
    k = count_kept(args.rule, share_scale, entropy, shared);
    factor = weight_factor(args.rule, k, shared);
    args.count[row] = k;
  }
  k = __shfl_sync(kAllLanes, k, 0);
  factor = __shfl_sync(kAllLanes, factor, 0);
  for (std::size_t i = lane; i < k; i += kWarp) {
    const std::uint32_t e = shared.ranked[i];
    args.experts[row * args.k_max + i] = e;
    args.weights[row * args.k_max + i] = shared.score[e] * factor;
  }
}

}  // namespace

cudaError_t launch_select(cudaStream_t stream, const SelectArgs& args) {
  const dim3 grid(static_cast<unsigned int>((args.rows + kSelectWarps - 1) / kSelectWarps));
  return launch(&select_kernel, grid, kSelectThreads, stream, args);
}

}  // namespace switchyard::kernels::cuda

// The attention of CpuDevice: prepares q, k and v row by row, then runs tiles of query rows that
// share a kv head against the pages of their sequence.
#include <algorithm>
#include <cmath>

#include "kernels/cpu/cpu_device.h"
#include "runtime/base/check.h"

namespace switchyard::kernels::cpu {
namespace {

void norm_in_place(const RowKernels& kernels, float* x, std::size_t n, const NormParams& norm) {
  RmsNormTask task;
  task.x = x;
  task.gain = norm.gain.data();
  task.n = n;
  task.eps = norm.eps;
  task.fp32 = x;
  kernels.rmsnorm(task);
}

void norm_heads(const RowKernels& kernels, QkNorm kind, MatrixView<float> heads,
                const NormParams& norm) {
  if (kind == QkNorm::kWholeRow) {
    norm_in_place(kernels, heads.data(), heads.rows() * heads.cols(), norm);
  } else if (kind == QkNorm::kPerHead) {
    for (std::size_t h = 0; h < heads.rows(); ++h) {
      norm_in_place(kernels, heads.row(h).data(), heads.cols(), norm);
    }
  }
}

void check_norm(QkNorm kind, const NormParams& norm, std::size_t heads, std::size_t head_size) {
  if (kind == QkNorm::kNone) return;
  const std::size_t wanted = kind == QkNorm::kPerHead ? head_size : heads * head_size;
  SY_CHECK(norm.gain.size() == wanted, "{} gains, expected {}", norm.gain.size(), wanted);
}

}  // namespace

// Values at the start of a page: its earlier owner's are wiped before any row is written.
void CpuDevice::clear_new_pages(const AttentionStep& step) {
  for (std::size_t t = 0; t < step.rows.position.size(); ++t) {
    const std::size_t position = step.rows.position[t];
    if (position % kKvPageTokens == 0) {
      step.cache.clear_values(step.layer, step.rows.pages[t][position / kKvPageTokens]);
    }
  }
}

// Leaves q in the operand type (in place, each head at its own start) and k, v in the cache.
void CpuDevice::prepare_row(const AttentionStep& step, std::size_t t) {
  const auto& params = step.params;
  const std::size_t size = params.head_size;
  const std::size_t half = size / 2;
  const std::size_t position = step.rows.position[t];
  float* q = step.q.data() + t * step.q.stride();
  float* k = step.k.data() + t * step.k.stride();
  float* v = step.v.data() + t * step.v.stride();
  norm_heads(kernels_.rows, params.qk_norm, {q, params.heads, size}, params.q_norm);
  norm_heads(kernels_.rows, params.qk_norm, {k, params.kv_heads, size}, params.k_norm);
  if (params.clip_qkv > 0) {
    kernels_.rows.clamp(q, params.heads * size, params.clip_qkv);
    kernels_.rows.clamp(k, params.kv_heads * size, params.clip_qkv);
    kernels_.rows.clamp(v, params.kv_heads * size, params.clip_qkv);
  }
  const float* cos = params.rope_cos.data() + position * half;
  const float* sin = params.rope_sin.data() + position * half;
  const auto operand = [&](float* head) {
    auto* bytes = reinterpret_cast<std::byte*>(head);
    if (precision_ == Precision::kBf16) kernels_.rows.f32_to_bf16(bytes, bytes, size);
    return bytes;
  };
  for (std::size_t h = 0; h < params.heads; ++h) {
    kernels_.rows.rope(q + h * size, cos, sin, half);
    (void)operand(q + h * size);
  }
  const KvPlace place{step.layer, step.rows.pages[t][position / kKvPageTokens],
                      position % kKvPageTokens};
  for (std::size_t g = 0; g < params.kv_heads; ++g) {
    kernels_.rows.rope(k + g * size, cos, sin, half);
    step.cache.write(place, g, operand(k + g * size), operand(v + g * size));
  }
}

// Runs of rows of one sequence, cut into tiles of at most kAttentionTileRows query rows. The
// longest contexts of a run come first, so that the threads end together.
std::size_t CpuDevice::plan_attention(const AttentionStep& step) {
  constexpr std::size_t kTileRows = 6;
  attention_items_.clear();
  const auto& [position, pages] = step.rows;
  const std::size_t kv_heads = step.params.kv_heads;
  const std::size_t group = step.params.heads / kv_heads;
  std::size_t work_bytes = 0;
  for (std::size_t begin = 0, end = 0; begin < position.size(); begin = end) {
    end = begin + 1;
    while (end < position.size() && pages[end] == pages[begin] &&
           position[end] > position[end - 1]) {
      ++end;
    }
    const std::size_t query_rows = (end - begin) * group;
    const std::size_t tiles = (query_rows + kAttentionTileRows - 1) / kAttentionTileRows;
    for (std::size_t tile = tiles; tile > 0; --tile) {
      const std::size_t first = query_rows * (tile - 1) / tiles;
      const std::size_t last = query_rows * tile / tiles;
      for (std::uint32_t g = 0; g < kv_heads; ++g) {
        attention_items_.push_back({static_cast<std::uint32_t>(begin), g,
                                    static_cast<std::uint32_t>(first),
                                    static_cast<std::uint32_t>(last - first)});
      }
      const std::size_t blocks = position[begin + (last - 1) / group] / kKvPageTokens + 1;
      const std::size_t passes = (last - first + kTileRows - 1) / kTileRows;
      work_bytes += blocks * step.cache.page_bytes() * passes;
    }
  }
  return work_bytes;
}

void CpuDevice::attend(const AttentionStep& step, const AttentionItem& item,
                       std::size_t participant) {
  const auto& params = step.params;
  const std::size_t group = params.heads / params.kv_heads;
  const std::size_t first_head = item.kv_head * group;
  AttentionTask task;
  task.q = reinterpret_cast<const std::byte*>(step.q.data() + item.token * step.q.stride() +
                                              first_head * params.head_size);
  task.q_token_bytes = step.q.stride() * sizeof(float);
  task.q_head_bytes = params.head_size * sizeof(float);
  task.out_head_bytes = params.head_size * size_bytes(step.out.dtype);
  task.out = step.out.row(item.token) + first_head * task.out_head_bytes;
  task.out_token_bytes = step.out.stride * size_bytes(step.out.dtype);
  task.heads = group;
  task.first_row = item.first_row;
  task.rows = item.rows;
  task.position = step.rows.position.data() + item.token;
  task.pages = step.rows.pages[item.token];
  task.blocks = step.cache.blocks(step.layer, item.kv_head);
  task.page_bytes = step.cache.page_bytes();
  task.value_offset_bytes = step.cache.value_offset_bytes();
  task.head_size = params.head_size;
  task.value_columns = step.cache.value_columns();
  task.scale = 1.0F / std::sqrt(static_cast<float>(params.head_size));
  task.scratch = attention_scratch_.data() + participant * kAttentionScratchBytes;
  kernels_.attention.run(task);
}

void CpuDevice::attention(const AttentionParams& params, KvCache& cache, std::size_t layer,
                          const KvRows& rows, MatrixView<float> q, MatrixView<float> k,
                          MatrixView<float> v, MutableRows out) {
  auto& store = dynamic_cast<CpuKvCache&>(cache);
  const std::size_t tokens = rows.position.size();
  const std::size_t q_columns = params.heads * params.head_size;
  const std::size_t kv_columns = params.kv_heads * params.head_size;
  SY_CHECK(q.rows() == tokens && k.rows() == tokens && v.rows() == tokens && out.rows == tokens &&
           rows.pages.size() == tokens);
  SY_CHECK(q.cols() == q_columns && k.cols() == kv_columns && v.cols() == kv_columns &&
           out.cols == q_columns && out.dtype == operand_dtype(precision_));
  SY_CHECK(params.heads % params.kv_heads == 0 && store.shape().kv_heads == params.kv_heads &&
           store.shape().head_size == params.head_size && layer < store.shape().layers);
  check_norm(params.qk_norm, params.q_norm, params.heads, params.head_size);
  check_norm(params.qk_norm, params.k_norm, params.kv_heads, params.head_size);
  const AttentionStep step{params, store, layer, rows, q, k, v, out};
  clear_new_pages(step);
  // Norm, rotation and the scattered writes cost several times their bytes.
  constexpr std::size_t kPrepareCost = 4;
  for_rows(tokens, kPrepareCost * (q_columns + 2 * kv_columns) * sizeof(float),
           [&](std::size_t t) { prepare_row(step, t); });
  const auto body = [&](const LoopItem& loop) {
    attend(step, attention_items_[loop.index], loop.participant);
  };
  if (plan_attention(step) < kForkStreamBytesMin) {
    ThreadPool::run_inline(attention_items_.size(), body);
  } else {
    pool_.parallel_for(attention_items_.size(), body);
  }
}

}  // namespace switchyard::kernels::cpu

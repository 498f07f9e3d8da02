// The attention of CpuDevice: prepares q, k and v row by row, then runs tiles of query rows that share
// a kv head against the pages of their sequence.
#include <algorithm>
#include <cmath>

#include "kernels/cpu/cpu_device.h"
#include "kernels/cpu/cpu_kv_cache.h"
#include "runtime/base/check.h"

namespace switchyard::kernels::cpu {
namespace {

constexpr std::size_t kRowsPerTask = 8;

void norm_in_place(const RowKernels& kernels, float* x, std::size_t n, const NormParams& norm,
                   std::size_t gain_offset) {
  RmsNormTask task;
  task.x = x;
  task.gain = norm.gain.data() + gain_offset;
  task.n = n;
  task.eps = norm.eps;
  task.fp32 = x;
  kernels.rmsnorm(task);
}

void norm_heads(const RowKernels& kernels, QkNorm kind, float* x, std::size_t heads,
                std::size_t head_size, const NormParams& norm) {
  if (kind == QkNorm::kWholeRow) {
    norm_in_place(kernels, x, heads * head_size, norm, 0);
  } else if (kind == QkNorm::kPerHead) {
    for (std::size_t h = 0; h < heads; ++h) {
      norm_in_place(kernels, x + h * head_size, head_size, norm, 0);
    }
  }
}

}  // namespace

void CpuDevice::prepare_row(const AttentionParams& params, KvCache& cache, std::size_t layer,
                            const KvRows& rows, std::size_t t, MatrixView<float> q,
                            MatrixView<float> k, MatrixView<float> v) {
  auto& store = dynamic_cast<CpuKvCache&>(cache);
  const std::size_t size = params.head_size;
  const std::size_t half = size / 2;
  const std::uint32_t position = rows.position[t];
  float* q_row = q.data() + t * q.stride();
  float* k_row = k.data() + t * k.stride();
  float* v_row = v.data() + t * v.stride();
  norm_heads(kernels_.rows, params.qk_norm, q_row, params.heads, size, params.q_norm);
  norm_heads(kernels_.rows, params.qk_norm, k_row, params.kv_heads, size, params.k_norm);
  if (params.clip_qkv > 0) {
    kernels_.rows.clamp(q_row, q.cols(), params.clip_qkv);
    kernels_.rows.clamp(k_row, k.cols(), params.clip_qkv);
    kernels_.rows.clamp(v_row, v.cols(), params.clip_qkv);
  }
  const float* cos = params.rope_cos.data() + position * half;
  const float* sin = params.rope_sin.data() + position * half;
  for (std::size_t h = 0; h < params.heads; ++h) {
    float* head = q_row + h * size;
    kernels_.rows.rope(head, cos, sin, half);
    if (precision_ == Precision::kBf16) {
      auto* bytes = reinterpret_cast<std::byte*>(head);
      kernels_.rows.f32_to_bf16(bytes, bytes, size);
    }
  }
  const std::uint32_t page = rows.pages[t][position / kKvPageTokens];
  for (std::size_t g = 0; g < params.kv_heads; ++g) {
    kernels_.rows.rope(k_row + g * size, cos, sin, half);
    store.write(layer, g, page, position % kKvPageTokens, k_row + g * size, v_row + g * size);
  }
}

// Runs of rows of one sequence, cut into tiles of at most kAttentionTileRows query rows. The longest
// contexts come first, so that the threads end together.
void CpuDevice::plan_attention(const AttentionParams& params, const KvRows& rows) {
  attention_items_.clear();
  const std::size_t group = params.heads / params.kv_heads;
  const std::size_t tokens = rows.position.size();
  std::size_t begin = 0;
  while (begin < tokens) {
    std::size_t end = begin + 1;
    while (end < tokens && rows.pages[end] == rows.pages[begin] &&
           rows.position[end] == rows.position[end - 1] + 1) {
      ++end;
    }
    const std::size_t query_rows = (end - begin) * group;
    const std::size_t tiles = (query_rows + kAttentionTileRows - 1) / kAttentionTileRows;
    for (std::size_t tile = tiles; tile > 0; --tile) {
      const std::size_t first = query_rows * (tile - 1) / tiles;
      const std::size_t last = query_rows * tile / tiles;
      for (std::uint32_t g = 0; g < params.kv_heads; ++g) {
        attention_items_.push_back({static_cast<std::uint32_t>(begin), g,
                                    static_cast<std::uint32_t>(first),
                                    static_cast<std::uint32_t>(last - first)});
      }
    }
    begin = end;
  }
}

void CpuDevice::attention(const AttentionParams& params, KvCache& cache, std::size_t layer,
                          const KvRows& rows, MatrixView<float> q, MatrixView<float> k,
                          MatrixView<float> v, MutableRows out) {
  const auto& store = dynamic_cast<const CpuKvCache&>(cache);
  const std::size_t tokens = rows.position.size();
  SY_CHECK(q.rows() == tokens && k.rows() == tokens && v.rows() == tokens && out.rows == tokens);
  SY_CHECK(params.heads % params.kv_heads == 0 && q.cols() == params.heads * params.head_size);
  const std::size_t tasks = (tokens + kRowsPerTask - 1) / kRowsPerTask;
  pool_.parallel_for(tasks, [&](const LoopItem& item) {
    const std::size_t end = std::min(tokens, (item.index + 1) * kRowsPerTask);
    for (std::size_t t = item.index * kRowsPerTask; t < end; ++t) {
      prepare_row(params, cache, layer, rows, t, q, k, v);
    }
  });
  plan_attention(params, rows);
  const std::size_t group = params.heads / params.kv_heads;
  std::size_t read_bytes = 0;
  for (const auto& item : attention_items_) {
    read_bytes += (rows.position[item.token] / kKvPageTokens + 1) * store.page_bytes() /
                  params.kv_heads;
  }
  for_items(attention_items_.size(), read_bytes, [&](const LoopItem& loop) {
    const auto& item = attention_items_[loop.index];
    AttentionTask task;
    const std::size_t head_bytes = params.head_size * size_bytes(out.dtype);
    task.q = reinterpret_cast<const std::byte*>(q.data() + item.token * q.stride() +
                                                item.kv_head * group * params.head_size);
    task.q_token_bytes = q.stride() * sizeof(float);
    task.q_head_bytes = params.head_size * sizeof(float);
    task.out = out.row(item.token) + item.kv_head * group * head_bytes;
    task.out_token_bytes = out.stride * size_bytes(out.dtype);
    task.out_head_bytes = head_bytes;
    task.heads = group;
    task.first_row = item.first_row;
    task.rows = item.rows;
    task.position = rows.position.data() + item.token;
    task.pages = rows.pages[item.token];
    task.blocks = store.blocks(layer, item.kv_head);
    task.page_bytes = store.page_bytes();
    task.value_offset_bytes = store.value_offset_bytes();
    task.head_size = params.head_size;
    task.value_columns = store.value_columns();
    task.scale = 1.0F / std::sqrt(static_cast<float>(params.head_size));
    task.scratch = attention_scratch_.data() + loop.participant * kAttentionScratchBytes;
    kernels_.attention.run(task);
  });
}

}  // namespace switchyard::kernels::cpu

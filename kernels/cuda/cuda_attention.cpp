// The attention of CudaDevice: the tables that say which query rows share keys, then two kernels.
#include <algorithm>
#include <cmath>

#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/limits.h"
#include "runtime/base/check.h"

namespace switchyard::kernels::cuda {
namespace {

HeadNorm head_norm(QkNorm norm) {
  switch (norm) {
    case QkNorm::kNone: return HeadNorm::kNone;
    case QkNorm::kPerHead: return HeadNorm::kPerHead;
    case QkNorm::kWholeRow: return HeadNorm::kWholeRow;
  }
  return HeadNorm::kNone;
}

void check_norm(QkNorm kind, const NormParams& norm, std::size_t heads, std::size_t head_size) {
  if (kind == QkNorm::kNone) return;
  const std::size_t wanted = kind == QkNorm::kPerHead ? head_size : heads * head_size;
  SY_CHECK(norm.gain.size() == wanted, "{} gains, expected {}", norm.gain.size(), wanted);
}

}  // namespace

struct CudaDevice::AttentionTables {
  const std::uint32_t* position = nullptr;  // [T]
  const std::uint32_t* page = nullptr;      // [T]
  const std::uint32_t* pages = nullptr;
  const AttendItem* items = nullptr;
  const AttendItem* segment_items = nullptr;
  const FoldItem* folds = nullptr;
};

// Runs of rows of one sequence, cut into tiles of at most kAttendRows query rows; the longest
// contexts of a run come first, so that the last blocks of threads are short ones.
void CudaDevice::cut_into_tiles(const AttentionParams& params, const KvRows& rows) {
  const auto& [position, pages] = rows;
  const std::size_t group = params.heads / params.kv_heads;
  items_.clear();
  pages_.clear();
  for (std::size_t begin = 0, end = 0; begin < position.size(); begin = end) {
    end = begin + 1;
    while (end < position.size() && pages[end] == pages[begin] &&
           position[end] > position[end - 1]) {
      ++end;
    }
    const auto pages_begin = static_cast<std::uint32_t>(pages_.size());
    const std::size_t page_count = position[end - 1] / kKvPageTokens + 1;
    pages_.insert(pages_.end(), pages[begin], pages[begin] + page_count);
    const std::size_t query_rows = (end - begin) * group;
    const std::size_t tiles = (query_rows + kAttendRows - 1) / kAttendRows;
    for (std::size_t tile = tiles; tile > 0; --tile) {
      const std::size_t first = query_rows * (tile - 1) / tiles;
      const std::size_t last = query_rows * tile / tiles;
      for (std::uint32_t g = 0; g < params.kv_heads; ++g) {
        items_.push_back({static_cast<std::uint32_t>(begin), g, static_cast<std::uint32_t>(first),
                          static_cast<std::uint32_t>(last - first), pages_begin});
      }
    }
  }
}

// One tile becomes one item a segment, and one fold for each of its query rows.
void CudaDevice::cut_into_segments(const AttendItem& tile, std::size_t group,
                                   std::span<const std::uint32_t> position,
                                   std::uint32_t segments) {
  const std::uint32_t partial = partial_rows_used_;
  for (std::uint32_t r = 0; r < tile.rows; ++r) {
    const std::size_t row = tile.first_row + r;
    const std::size_t token = tile.first_token + row / group;
    folds_.push_back({static_cast<std::uint32_t>(token),
                      static_cast<std::uint32_t>(tile.kv_head * group + row % group), partial + r,
                      tile.rows, static_cast<std::uint32_t>(position[token] / kSegmentTokens + 1)});
  }
  for (std::uint32_t segment = 0; segment < segments; ++segment) {
    AttendItem item = tile;
    item.segment = segment;
    item.partial = partial + segment * tile.rows;
    segment_items_.push_back(item);
  }
  partial_rows_used_ += segments * tile.rows;
}

// Tiles that leave most of the GPU idle are cut further, as long as there is room for what the
// pieces leave. A row's bits do not depend on it (attention_fold.cuh).
void CudaDevice::fill_the_gpu(std::size_t group, std::span<const std::uint32_t> position) {
  folds_.clear();
  segment_items_.clear();
  partial_rows_used_ = 0;
  if (items_.size() >= attend_blocks_wanted_) return;
  std::erase_if(items_, [&](const AttendItem& tile) {
    const std::size_t last = tile.first_token + (tile.first_row + tile.rows - 1) / group;
    const auto segments = static_cast<std::uint32_t>(position[last] / kSegmentTokens + 1);
    const bool cut = segments > 1 && partial_rows_used_ + segments * tile.rows <= partial_rows_;
    if (cut) cut_into_segments(tile, group, position, segments);
    return cut;
  });
}

CudaDevice::AttentionTables CudaDevice::plan_attention(const AttentionParams& params,
                                                       const KvRows& rows) {
  const auto& [position, pages] = rows;
  cut_into_tiles(params, rows);
  fill_the_gpu(params.heads / params.kv_heads, position);
  AttentionTables tables;
  const std::size_t bytes = 2 * position.size_bytes() + pages_.size() * sizeof(std::uint32_t) +
                            (items_.size() + segment_items_.size()) * sizeof(AttendItem) +
                            folds_.size() * sizeof(FoldItem);
  if (!fine(tables_.begin(stream_, bytes, 6))) return tables;
  auto* page = tables_.make<std::uint32_t>(position.size());
  for (std::size_t t = 0; t < position.size(); ++t) {
    page[t] = pages[t][position[t] / kKvPageTokens];
  }
  tables.page = tables_.on_device(page);
  tables.position = tables_.add(position);
  tables.pages = tables_.add(std::span<const std::uint32_t>(pages_));
  tables.items = tables_.add(std::span<const AttendItem>(items_));
  tables.segment_items = tables_.add(std::span<const AttendItem>(segment_items_));
  tables.folds = tables_.add(std::span<const FoldItem>(folds_));
  (void)fine(tables_.flush(stream_));
  return tables;
}

// Room for what segments leave, where the cache is long enough for more than one. Errors: kLimit.
Result<void> CudaDevice::reserve_partials(const KvCacheShape& shape) {
  if (shape.pages * kKvPageTokens <= kSegmentTokens) return {};
  SY_TRY(
      grow(partials_, kPartialRows * (sizeof(SegmentSoftmax) + shape.head_size * sizeof(float))));
  partial_rows_ = kPartialRows;
  // A tile that is cut has two segments at least.
  segment_items_.reserve(kPartialRows);
  folds_.reserve(kPartialRows / 2);
  return {};
}

void CudaDevice::attention(const AttentionParams& params, KvCache& cache, std::size_t layer,
                           const KvRows& rows, MatrixView<float> q, MatrixView<float> k,
                           MatrixView<float> v, MutableRows out) {
  auto& store = dynamic_cast<CudaKvCache&>(cache);
  const std::size_t tokens = rows.position.size();
  const std::size_t q_columns = params.heads * params.head_size;
  const std::size_t kv_columns = params.kv_heads * params.head_size;
  SY_CHECK(q.rows() == tokens && k.rows() == tokens && v.rows() == tokens && out.rows == tokens &&
           rows.pages.size() == tokens);
  SY_CHECK(q.cols() == q_columns && k.cols() == kv_columns && v.cols() == kv_columns &&
           out.cols == q_columns && out.dtype == operand());
  SY_CHECK(params.heads % params.kv_heads == 0 && store.shape().kv_heads == params.kv_heads &&
           store.shape().head_size == params.head_size && layer < store.shape().layers);
  check_norm(params.qk_norm, params.q_norm, params.heads, params.head_size);
  check_norm(params.qk_norm, params.k_norm, params.kv_heads, params.head_size);
  if (failure_ || tokens == 0) return;
  const auto tables = plan_attention(params, rows);
  if (failure_) return;
  PrepareArgs prepare;
  prepare.q = q.data();
  prepare.k = k.data();
  prepare.v = v.data();
  prepare.q_stride = q.stride();
  prepare.k_stride = k.stride();
  prepare.v_stride = v.stride();
  prepare.heads = params.heads;
  prepare.kv_heads = params.kv_heads;
  prepare.head_size = params.head_size;
  prepare.norm = head_norm(params.qk_norm);
  prepare.q_gain = params.q_norm.gain.data();
  prepare.k_gain = params.k_norm.gain.data();
  prepare.q_eps = params.q_norm.eps;
  prepare.k_eps = params.k_norm.eps;
  prepare.clip = params.clip_qkv;
  prepare.cosines = params.rope_cos.data();
  prepare.sines = params.rope_sin.data();
  prepare.position = tables.position;
  prepare.page = tables.page;
  prepare.rows = tokens;
  prepare.cache = store.blocks(layer);
  if (!fine(launch_prepare(stream_.get(), prepare), "attention: prepare")) return;
  AttendArgs attend;
  attend.q = q.data();
  attend.q_stride = q.stride();
  attend.out = {out.data, out.dtype, out.stride * size_bytes(out.dtype)};
  attend.group = params.heads / params.kv_heads;
  attend.head_size = params.head_size;
  attend.scale = 1.0F / std::sqrt(static_cast<float>(params.head_size));
  attend.position = tables.position;
  attend.pages = tables.pages;
  attend.items = tables.items;
  attend.item_count = items_.size();
  attend.cache = store.blocks(layer);
  attend.partials.softmax = reinterpret_cast<SegmentSoftmax*>(partials_.data());
  attend.partials.values =
      partials_.f32() + partial_rows_ * (sizeof(SegmentSoftmax) / sizeof(float));
  if (!fine(launch_attend(stream_.get(), attend), "attention")) return;
  attend.items = tables.segment_items;
  attend.item_count = segment_items_.size();
  if (!fine(launch_attend_segments(stream_.get(), attend), "attention: segments")) return;
  const FoldArgs fold{attend.partials, attend.out, params.head_size, tables.folds, folds_.size()};
  (void)fine(launch_fold(stream_.get(), fold), "attention: fold");
}

}  // namespace switchyard::kernels::cuda

#include "kernels/cuda/attention_plan.h"

#include <algorithm>

namespace switchyard::kernels::cuda {
namespace {

// A processor has room for four blocks of a few rows, or for two of many.
constexpr std::size_t kPlacesAProcessor = 4;

std::size_t places_of(AttendKernel kernel) {
  return kernel == AttendKernel::kTensorMany ? kPlacesAProcessor / 2 : 1;
}

struct TileSize {
  AttendKernel kernel;
  std::size_t rows;
};
TileSize tile_size(AttendUnits units, std::size_t query_rows) {
  if (units == AttendUnits::kScalar) return {AttendKernel::kAttend, kAttendRows};
  if (query_rows <= kTensorAttendFew) return {AttendKernel::kTensorFew, kTensorAttendFew};
  return {AttendKernel::kTensorMany, kTensorAttendMany};
}

// The kernel that takes a tile's pieces.
AttendKernel of_segments(AttendKernel kernel) {
  switch (kernel) {
    case AttendKernel::kAttend: return AttendKernel::kAttendSegments;
    case AttendKernel::kTensorMany: return AttendKernel::kTensorManySegments;
    default: return kernel;
  }
}

}  // namespace

AttendUnits attend_units(DType operand, std::size_t head_size) noexcept {
  return operand == DType::kBf16 && head_size <= kTensorHeadMax ? AttendUnits::kTensor
                                                                : AttendUnits::kScalar;
}

void AttentionPlan::set_partial_rows(std::size_t rows) {
  partial_rows_ = rows;
  for (auto& items : items_) items.reserve(rows);
  folds_.reserve(rows / 2);  // a tile that is cut has two segments at least
}

void AttentionPlan::reserve_rows(std::size_t rows) {
  constexpr std::size_t kTilesARow = 64;
  tiles_.reserve(rows * kTilesARow);
  for (auto& items : items_) items.reserve(rows * kTilesARow + partial_rows_);
}

// Runs of rows of one sequence, cut into tiles; the longest contexts of a run come first, so that
// the last blocks of threads are short ones.
void AttentionPlan::cut_into_tiles(const AttentionParams& params, AttendUnits units,
                                   const KvRows& rows) {
  const auto& [position, pages] = rows;
  const std::size_t group = params.heads / params.kv_heads;
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
    const TileSize size = tile_size(units, query_rows);
    const std::size_t tiles = (query_rows + size.rows - 1) / size.rows;
    for (std::size_t tile = tiles; tile > 0; --tile) {
      const std::size_t first = query_rows * (tile - 1) / tiles;
      const std::size_t last = query_rows * tile / tiles;
      const auto segments =
          static_cast<std::uint32_t>(position[begin + (last - 1) / group] / kSegmentTokens + 1);
      for (std::uint32_t g = 0; g < params.kv_heads; ++g) {
        const AttendItem item{static_cast<std::uint32_t>(begin),
                              g,
                              static_cast<std::uint32_t>(first),
                              static_cast<std::uint32_t>(last - first),
                              pages_begin,
                              0,
                              segments};
        tiles_.push_back({item, segments, size.kernel});
      }
    }
  }
}

// What each block would walk if all segments were dealt out evenly and every place were taken.
std::size_t AttentionPlan::segments_a_block() const noexcept {
  std::size_t segments = 0;
  for (const Tile& tile : tiles_) segments += tile.segments * places_of(tile.kernel);
  return segments / (kPlacesAProcessor * processors_);
}

// One tile becomes items of about `share` segments, and one fold for each of its query rows.
void AttentionPlan::cut_into_segments(const Tile& tile, std::size_t group,
                                      std::span<const std::uint32_t> position, std::size_t share) {
  const std::uint32_t rows = tile.item.rows;
  const auto partial = static_cast<std::uint32_t>(partial_rows_used_);
  for (std::uint32_t r = 0; r < rows; ++r) {
    const std::size_t row = tile.item.first_row + r;
    const std::size_t token = tile.item.first_token + row / group;
    folds_.push_back({static_cast<std::uint32_t>(token),
                      static_cast<std::uint32_t>(tile.item.kv_head * group + row % group),
                      partial + r, rows,
                      static_cast<std::uint32_t>(position[token] / kSegmentTokens + 1)});
  }
  const auto pieces = static_cast<std::uint32_t>((tile.segments + share - 1) / share);
  for (std::uint32_t piece = 0; piece < pieces; ++piece) {
    AttendItem item = tile.item;
    item.first_segment = tile.segments * piece / pieces;
    item.segments = tile.segments * (piece + 1) / pieces - item.first_segment;
    item.partial = partial + item.first_segment * rows;
    list(of_segments(tile.kernel)).push_back(item);
  }
  partial_rows_used_ += std::size_t{tile.segments} * rows;
}

// A tile that would be walked when most of the GPU has nothing left is cut, as long as there is
// room for what the pieces leave.
void AttentionPlan::place(const Tile& tile, std::size_t group,
                          std::span<const std::uint32_t> position, std::size_t share) {
  const bool cut =
      tile.segments > std::max<std::size_t>(2 * share, 1) &&
      partial_rows_used_ + std::size_t{tile.segments} * tile.item.rows <= partial_rows_;
  if (cut) {
    const bool one = tile.kernel == AttendKernel::kAttend;  // attention.cu cuts so
    cut_into_segments(tile, group, position, one ? 1 : std::max<std::size_t>(share, 1));
  } else {
    list(tile.kernel).push_back(tile.item);
  }
}

void AttentionPlan::make(const AttentionParams& params, AttendUnits units, const KvRows& rows) {
  tiles_.clear();
  pages_.clear();
  folds_.clear();
  for (auto& items : items_) items.clear();
  partial_rows_used_ = 0;
  cut_into_tiles(params, units, rows);
  const std::size_t share = segments_a_block();
  for (const Tile& tile : tiles_) {
    place(tile, params.heads / params.kv_heads, rows.position, share);
  }
}

}  // namespace switchyard::kernels::cuda

// kernels/cuda/attention_plan.h -- which query rows of a step share a block of threads, and which
// contexts are cut into segments so that no processor of the GPU is idle: the tables of items for
// the attention kernels. It decides nothing about a row's bits, which are the same in every item.
// Not the kernels, not the tables' way to the GPU. Thread safety: shared objects: unsafe.
#pragma once

#include <array>
#include <vector>

#include "kernels/cuda/kernels.h"
#include "kernels/device.h"

namespace switchyard::kernels::cuda {

// Those that take AttendItems; the names of their launches in kernels.h.
enum class AttendKernel : std::uint8_t {
  kAttend,
  kAttendSegments,
  kTensorFew,
  kTensorMany,
  kTensorManySegments,
};
inline constexpr std::size_t kAttendKernels = 5;

enum class AttendUnits : std::uint8_t { kScalar, kTensor };
// By the model alone, never by the rows.
[[nodiscard]] AttendUnits attend_units(DType operand, std::size_t head_size) noexcept;

class AttentionPlan {
 public:
  // processors: of the GPU. partial_rows: room for what segments leave.
  void set_processors(std::size_t processors) noexcept { processors_ = processors; }
  void set_partial_rows(std::size_t rows);
  // So many rows, and pages of their sequences, need no allocation.
  void reserve_rows(std::size_t rows);
  void reserve_pages(std::size_t pages) { pages_.reserve(pages); }

  // The tables of one step.
  void make(const AttentionParams& params, AttendUnits units, const KvRows& rows);
  [[nodiscard]] const std::vector<AttendItem>& items(AttendKernel kernel) const noexcept {
    return items_[static_cast<std::size_t>(kernel)];
  }
  [[nodiscard]] const std::vector<FoldItem>& folds() const noexcept { return folds_; }
  [[nodiscard]] const std::vector<std::uint32_t>& pages() const noexcept { return pages_; }
  [[nodiscard]] std::size_t partial_rows() const noexcept { return partial_rows_; }

 private:
  struct Tile {
    AttendItem item;
    std::uint32_t segments = 0;
    AttendKernel kernel = AttendKernel::kAttend;
  };
  void cut_into_tiles(const AttentionParams& params, AttendUnits units, const KvRows& rows);
  [[nodiscard]] std::size_t segments_a_block() const noexcept;
  void place(const Tile& tile, std::size_t group, std::span<const std::uint32_t> position,
             std::size_t share);
  void cut_into_segments(const Tile& tile, std::size_t group,
                         std::span<const std::uint32_t> position, std::size_t share);
  [[nodiscard]] std::vector<AttendItem>& list(AttendKernel kernel) noexcept {
    return items_[static_cast<std::size_t>(kernel)];
  }

  std::size_t processors_ = 1;
  std::size_t partial_rows_ = 0;
  std::size_t partial_rows_used_ = 0;
  std::vector<Tile> tiles_;
  std::array<std::vector<AttendItem>, kAttendKernels> items_;
  std::vector<FoldItem> folds_;
  std::vector<std::uint32_t> pages_;
};

}  // namespace switchyard::kernels::cuda

// runtime/moe/restricted_rows.h -- how many rows of requests under a residency rule a router has
// sent, by the requests' origin and the region of the rank that got them: the evidence that none
// left its regions. Regions are those of the views under which it sent; a pair that got nothing is
// there with 0. Not the enforcement (dispatch_plan.h). count() does not allocate.
// Thread safety: shared objects: unsafe (the rank's engine thread).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/ids.h"
#include "runtime/placement/view.h"

namespace switchyard::moe {

class RestrictedRows {
 public:
  // Origins are what clients write: those beyond so many are counted as one, kOtherOrigins.
  static constexpr std::size_t kOriginsMax = 32;
  static constexpr std::string_view kOtherOrigins = "(others)";

  struct Cell {
    std::string origin;
    std::string region;
    std::uint64_t rows = 0;

    bool operator==(const Cell&) const = default;
  };

  explicit RestrictedRows(std::size_t ranks = 0) : region_of_(ranks) {}

  // The number by which rows of that origin are counted. Allocates; not for the hot path.
  [[nodiscard]] std::uint32_t number_of(std::string_view origin);
  // Ranks have the regions of this view from now on.
  void follow(const placement::View& view);
  // origin: of number_of(); to: a member of the view.
  void count(std::uint32_t origin, RankId to) noexcept { ++rows_[origin][region_of_[to.index()]]; }
  // What another count has found.
  void add(const Cell& cell);

  // Every origin with every region, in the order in which they came.
  [[nodiscard]] std::vector<Cell> cells() const;
  [[nodiscard]] std::uint64_t total() const noexcept;

 private:
  std::size_t region_number(std::string_view region);

  std::vector<std::string> origins_;
  std::vector<std::string> regions_;
  std::vector<std::vector<std::uint64_t>> rows_;  // [origins][regions]
  std::vector<std::size_t> region_of_;            // [ranks] in regions_
};

}  // namespace switchyard::moe

#include "runtime/moe/restricted_rows.h"

#include <algorithm>
#include <numeric>

namespace switchyard::moe {

std::uint32_t RestrictedRows::number_of(std::string_view origin) {
  const auto found = std::ranges::find(origins_, origin);
  const auto at = static_cast<std::uint32_t>(found - origins_.begin());
  if (found != origins_.end()) return at;
  if (at >= kOriginsMax && origin != kOtherOrigins) return number_of(kOtherOrigins);
  origins_.emplace_back(origin);
  rows_.emplace_back(regions_.size());
  return at;
}

std::size_t RestrictedRows::region_number(std::string_view region) {
  const auto found = std::ranges::find(regions_, region);
  const auto at = static_cast<std::size_t>(found - regions_.begin());
  if (found != regions_.end()) return at;
  regions_.emplace_back(region);
  for (auto& row : rows_) row.push_back(0);
  return at;
}

void RestrictedRows::follow(const placement::View& view) {
  for (const auto& member : view.members) {
    if (member.rank.index() >= region_of_.size()) region_of_.resize(member.rank.index() + 1);
    region_of_[member.rank.index()] = region_number(member.region);
  }
}

void RestrictedRows::add(const Cell& cell) {
  const std::uint32_t origin = number_of(cell.origin);
  rows_[origin][region_number(cell.region)] += cell.rows;
}

std::vector<RestrictedRows::Cell> RestrictedRows::cells() const {
  std::vector<Cell> out;
  for (std::size_t o = 0; o < origins_.size(); ++o) {
    for (std::size_t r = 0; r < regions_.size(); ++r) {
      out.push_back({origins_[o], regions_[r], rows_[o][r]});
    }
  }
  return out;
}

std::uint64_t RestrictedRows::total() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& row : rows_) sum = std::accumulate(row.begin(), row.end(), sum);
  return sum;
}

}  // namespace switchyard::moe

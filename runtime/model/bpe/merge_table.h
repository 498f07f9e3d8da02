// runtime/model/bpe/merge_table.h -- byte-pair merging: which two neighbouring tokens become one,
// in which order. The pair of lowest rank merges first, the leftmost of equal ones; until no
// neighbours have a rule. Source: Sennrich, Haddow, Birch 2016, algorithm 1.
// Thread safety: shared const objects: safe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace switchyard::model::bpe {

// What a pair becomes, and how early.
struct Merge {
  std::uint32_t rank = 0;
  std::uint32_t id = 0;
};

struct TokenPair {
  std::uint32_t left = 0;
  std::uint32_t right = 0;
};

class MergeTable {
 public:
  // Room for `count` rules.
  explicit MergeTable(std::size_t count);
  // A second rule for one pair replaces the first. At most `count` calls.
  void add(TokenPair pair, Merge merge);
  // nullptr where the pair has no rule.
  [[nodiscard]] const Merge* find(TokenPair pair) const noexcept;
  // Merges `ids` in place as far as the rules go. O(n log n) for n ids.
  void apply(std::vector<std::uint32_t>& ids) const;

 private:
  struct Cell {
    std::uint64_t key = kEmpty;
    Merge merge;
  };
  // No id reaches 2^32 - 1 (TokenizerLimits), so no pair has this key.
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  [[nodiscard]] std::size_t cell_of(std::uint64_t key) const noexcept;
  void apply_by_scan(std::vector<std::uint32_t>& ids) const;
  void apply_by_queue(std::vector<std::uint32_t>& ids) const;

  std::vector<Cell> cells_;  // open addressing, a power of two, at most half full
  int shift_ = 0;            // 64 - log2(cells)
};

}  // namespace switchyard::model::bpe

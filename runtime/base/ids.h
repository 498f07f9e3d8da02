// runtime/base/ids.h -- integers that cannot be mixed up: ranks, experts, layers, slots, epochs.
// No implicit conversion and no arithmetic except next() and index().
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace switchyard {

template <class Tag>
class StrongId {
 public:
  constexpr StrongId() = default;
  constexpr explicit StrongId(std::uint32_t value) : value_(value) {}

  [[nodiscard]] constexpr std::uint32_t value() const noexcept { return value_; }
  [[nodiscard]] constexpr std::size_t index() const noexcept { return value_; }
  [[nodiscard]] constexpr StrongId next() const noexcept { return StrongId(value_ + 1); }
  constexpr auto operator<=>(const StrongId&) const = default;

 private:
  std::uint32_t value_ = 0;
};

using RankId = StrongId<struct RankTag>;          // a process (or thread) of the world, 0..size-1
using ExpertId = StrongId<struct ExpertTag>;      // a logical expert of one layer
using LayerId = StrongId<struct LayerTag>;        // a transformer layer
using SlotId = StrongId<struct SlotTag>;          // the place of a replica on its rank
using SequenceId = StrongId<struct SequenceTag>;  // a sequence of this run, in input order
using TokenId = StrongId<struct TokenTag>;        // an entry of the vocabulary
using Epoch = StrongId<struct EpochTag>;          // the number of a view

}  // namespace switchyard

template <class Tag>
struct std::hash<switchyard::StrongId<Tag>> {
  std::size_t operator()(switchyard::StrongId<Tag> id) const noexcept { return id.index(); }
};

// tests/cuda_emulation/runtime/warp_groups.h -- lanes of one warp that wait for each other.
// A group forms when a lane calls a collective; it is whole when every lane of its mask that has
// not ended has called the same one from the same place. Lanes with other masks form groups of
// their own.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/cuda_emulation/device/collectives.h"

namespace cuda_emulation {

struct WarpCall {
  WarpOp op = WarpOp::kSync;
  std::uint32_t mask = 0;
  std::uint64_t value = 0;
  int operand = 0;
  int width = 32;
  Where where;
};

class WarpGroups {
 public:
  // Makes the warp new: `lanes` are the lanes that exist.
  void reset(std::uint32_t lanes);
  // Adds a lane's call. Answers the lanes of the group if it is whole now (then all have answers),
  // else 0.
  std::uint32_t call(std::uint32_t lane, const WarpCall& call);
  // A lane has ended. Answers the lanes that may go on because of it.
  std::uint32_t end(std::uint32_t lane);
  [[nodiscard]] std::uint64_t answer(std::uint32_t lane) const { return answers_[lane]; }
  // What is wrong with the answer of a lane; empty when nothing is.
  [[nodiscard]] const std::string& complaint(std::uint32_t lane) const { return complaints_[lane]; }
  // One line per group that is not whole.
  [[nodiscard]] std::string who_waits() const;
  [[nodiscard]] bool waiting() const { return !groups_.empty(); }

 private:
  struct Group {
    WarpOp op = WarpOp::kSync;
    std::uint32_t mask = 0;
    std::uint32_t arrived = 0;
    Where where;
  };
  [[nodiscard]] bool whole(const Group& group) const;
  void finish(const Group& group);
  [[nodiscard]] std::uint64_t shuffled(const Group& group, std::uint32_t lane);
  [[nodiscard]] std::uint64_t combined(const Group& group) const;

  std::uint32_t alive_ = 0;
  std::vector<Group> groups_;
  std::array<WarpCall, 32> calls_;  // of the lanes that wait; a lane waits in one group at a time
  std::array<std::uint64_t, 32> answers_{};
  std::array<std::string, 32> complaints_;
};

}  // namespace cuda_emulation

// runtime/model/checkpoint/problem_list.h -- collects what is wrong with a checkpoint.
// Not an error itself: open_checkpoint() returns the first problem, check_checkpoint() all of them.
// Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/error.h"

namespace switchyard::model {

// One thing wrong with a checkpoint; message names file and key or tensor.
using Problem = Error;

class ProblemList {
 public:
  // Problems beyond `kept_max` are counted only.
  explicit ProblemList(std::size_t kept_max) : kept_max_(kept_max) {}

  void add(Problem problem) {
    if (kept_.size() < kept_max_) kept_.push_back(std::move(problem));
    ++count_;
  }
  // Whether any further problem would only be counted.
  [[nodiscard]] bool full() const noexcept { return kept_.size() >= kept_max_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] const std::vector<Problem>& kept() const noexcept { return kept_; }

 private:
  std::size_t kept_max_;
  std::size_t count_ = 0;
  std::vector<Problem> kept_;
};

}  // namespace switchyard::model

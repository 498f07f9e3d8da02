// runtime/placement/load_trace.h -- what `switchyard trace` wrote, as planners need it: which
// experts each token chose in each layer. The format is docs/TRACE.md. Not the writer, and no file
// access: text in, values out. Thread safety: shared const objects: safe.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/placement/view.h"

namespace switchyard::placement {

// The selections of one sequence in one layer: position p chose the next k[p] of `experts`.
struct TracedLayer {
  std::vector<std::uint16_t> k;
  std::vector<std::uint16_t> experts;
};

// Some consecutive sequences of a trace.
struct TraceWindow {
  std::size_t first = 0;
  std::size_t count = 0;
};

class LoadTrace {
 public:
  // `name` stands in messages. Errors: kBadInput naming line and key, kLimit.
  [[nodiscard]] static Result<LoadTrace> parse(std::string_view text, std::string_view name);

  [[nodiscard]] std::size_t layers() const noexcept { return layers_; }
  [[nodiscard]] std::size_t experts() const noexcept { return experts_; }
  [[nodiscard]] std::size_t sequences() const noexcept {
    return layers_ == 0 ? 0 : sequences_.size() / layers_;
  }
  [[nodiscard]] TraceWindow all() const noexcept { return {0, sequences()}; }

  [[nodiscard]] std::uint64_t tokens(TraceWindow window) const;
  // Pairs, [layers * experts].
  [[nodiscard]] std::vector<std::uint64_t> loads(TraceWindow window) const;
  // Tokens that chose both, [layers * experts * experts], symmetric, 0 on the diagonal.
  [[nodiscard]] std::vector<std::uint32_t> chosen_together(TraceWindow window) const;
  // Mean over tokens of the number of ranks that hold what they chose, [layers]; token t takes copy
  // t mod copies of each expert.
  [[nodiscard]] std::vector<double> ranks_per_token(const Placement& placement,
                                                    TraceWindow window) const;

 private:
  template <class Visit>
  void for_each_token(TraceWindow window, Visit&& visit) const;

  std::size_t layers_ = 0;
  std::size_t experts_ = 0;
  std::vector<TracedLayer> sequences_;  // [sequences * layers]
};

}  // namespace switchyard::placement

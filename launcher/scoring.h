// launcher/scoring.h -- scores a text under a policy: the core of eval and of study.
// Thread: the lead's.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "launcher/job_inputs.h"
#include "launcher/progress_line.h"
#include "runtime/engine/session.h"

namespace switchyard::launcher {

struct Score {
  std::string routing;
  std::size_t tokens = 0;  // targets
  double nll = 0;          // nats per target
  double bits_per_byte = 0;
  engine::JobResult result;

  [[nodiscard]] double perplexity() const;
  [[nodiscard]] double tokens_per_second() const;
};

// What the windows of a text add up to.
struct TargetCount {
  std::size_t tokens = 0;
  std::size_t bytes = 0;
};

// Scores these windows under `policy` on all routers. Errors: the session's; kInterrupted when
// stopped half-way.
[[nodiscard]] Result<Score> score_windows(engine::Session& session, const Policy& policy,
                                          std::vector<engine::SequenceRequest> windows,
                                          TargetCount targets, ProgressLine& line);

// Runs the windows of `text` under `policy` on all routers. Errors: the session's; kInterrupted
// when stopped half-way.
[[nodiscard]] Result<Score> score_text(engine::Session& session, const Policy& policy,
                                       const ScoredText& text, std::size_t window,
                                       std::uint64_t seed, ProgressLine& line);

}  // namespace switchyard::launcher

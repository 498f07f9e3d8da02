#include "launcher/scoring.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace switchyard::launcher {

double Score::perplexity() const { return std::exp(nll); }

double Score::tokens_per_second() const {
  return result.seconds > 0 ? static_cast<double>(tokens) / result.seconds : 0;
}

Result<Score> score_windows(engine::Session& session, const Policy& policy,
                            std::vector<engine::SequenceRequest> windows, TargetCount targets,
                            ProgressLine& line) {
  engine::Job job;
  job.routing = policy.spec;
  job.calibration = policy.calibration;
  job.keeps.gate_stats = true;
  job.sequences = std::move(windows);
  Score score;
  score.routing = policy.spec;
  score.tokens = targets.tokens;
  SY_ASSIGN(score.result, session.run(job, engine::Session::Spread::kAllRouters, nullptr,
                                      [&](const engine::JobProgress& now) {
                                        line.update("{}: {} of {} tokens, {:.0f} tokens/s",
                                                    policy.spec, now.tokens, score.tokens,
                                                    static_cast<double>(now.tokens) /
                                                        std::max(now.seconds, 1e-9));
                                      }));
  double nats = 0;
  for (const auto& sequence : score.result.sequences) {
    if (sequence.finish != engine::FinishReason::kScored) {
      return fail(ErrorCode::kInterrupted, "stopped before the whole text was scored");
    }
    nats += sequence.nll;
  }
  if (!std::isfinite(nats)) {
    return fail(ErrorCode::kBadInput, "{}: the logits are not finite", policy.spec);
  }
  score.nll = nats / static_cast<double>(targets.tokens);
  score.bits_per_byte = nats / std::numbers::ln2 / static_cast<double>(targets.bytes);
  return score;
}

Result<Score> score_text(engine::Session& session, const Policy& policy, const ScoredText& text,
                         std::size_t window, std::uint64_t seed, ProgressLine& line) {
  return score_windows(session, policy, scoring_requests(text.ids, window, seed),
                       {text.ids.size() - 1, text.target_bytes}, line);
}

}  // namespace switchyard::launcher

#include "launcher/policy_program.h"

#include <algorithm>

#include "runtime/engine/rank_sizes.h"

namespace switchyard::launcher {

Result<void> PolicyProgram::prepare_policy(const model::ModelConfig& model) {
  model_ = model;
  SY_ASSIGN(policy_, read_policy(run_.routing, model));
  report_.routing = policy_.spec;
  SY_ASSIGN(tokenizer_, open_tokenizer_if_supported(run_.model));
  return {};
}

Result<std::vector<Prompt>> PolicyProgram::take_prompts(const std::vector<std::string>& texts,
                                                        const std::string& file,
                                                        Grows grows) const {
  SY_ASSIGN(const auto options, cluster_options(run_));
  SY_ASSIGN(const auto kv, engine::kv_size(options, model_));
  PromptLimits limits;
  limits.tokens_max = context_of(run_, model_);
  limits.vocab = model_.vocab;
  limits.model_path = run_.model.path;
  limits.grows = grows;
  limits.sampling = run_.sampling;
  limits.positions_max = kv.pages * kernels::kKvPageTokens;
  return read_prompts(texts, file, tokenizer_.get(), limits);
}

Result<void> PolicyProgram::run_sequences(engine::Session& session,
                                          std::vector<engine::SequenceRequest> sequences,
                                          const engine::JobKeeps& keeps, std::string_view what) {
  const SteadyClock clock;
  ProgressLine line(progress_of(run_), clock);
  engine::Job job;
  job.routing = policy_.spec;
  job.calibration = policy_.calibration;
  job.keeps = keeps;
  job.keeps.gate_stats = run_.routing.aux_losses;
  job.sequences = std::move(sequences);
  SY_ASSIGN(report_.result, session.run(job, engine::Session::Spread::kAllRouters, nullptr,
                                        [&](const engine::JobProgress& now) {
                                          line.update("{} of {} {} done, {} tokens, {:.1f} s",
                                                      now.sequences_done, now.sequences, what,
                                                      now.tokens, now.seconds);
                                        }));
  return {};
}

Result<void> PolicyProgram::check_whole(const std::string& file) const {
  const auto& sequences = report_.result.sequences;
  const auto stopped = std::ranges::count(sequences, engine::FinishReason::kInterrupted,
                                          &engine::SequenceResult::finish);
  if (stopped == 0) return {};
  return fail(ErrorCode::kInterrupted,
              "stopped before {} of {} sequences were done; {} was not written", stopped,
              sequences.size(), file);
}

}  // namespace switchyard::launcher

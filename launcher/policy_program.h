// launcher/policy_program.h -- what the programs share that run one configured policy over prompts
// or a text: model facts, policy, tokenizer, the closing report. Thread: the lead's.
#pragma once

#include "launcher/cluster_run.h"
#include "launcher/job_inputs.h"
#include "launcher/progress_line.h"
#include "launcher/run_report.h"

namespace switchyard::launcher {

class PolicyProgram : public LeadProgram {
 public:
  std::size_t k_max(const model::ModelConfig& model) const override {
    return configured_k_max(run_, model);
  }

 protected:
  explicit PolicyProgram(const config::RunConfig& run) : run_(run) {}

  // Fills model_, policy_ and tokenizer_. Errors: read_policy, open_tokenizer.
  [[nodiscard]] Result<void> prepare_policy(const model::ModelConfig& model);
  // Prompts that fit the context and, with their new tokens, the KV cache. After prepare_policy().
  [[nodiscard]] Result<std::vector<Prompt>> take_prompts(const std::vector<std::string>& texts,
                                                         const std::string& file,
                                                         Grows grows) const;
  // Runs sequences under the policy and keeps result and policy in report_. `what` names them in
  // the progress: "3 of 16 prompts, ...".
  [[nodiscard]] Result<void> run_sequences(engine::Session& session,
                                           std::vector<engine::SequenceRequest> sequences,
                                           const engine::JobKeeps& keeps, std::string_view what);

  // Errors: kInterrupted where a sequence of report_ was stopped; `file` has not been written then.
  [[nodiscard]] Result<void> check_whole(const std::string& file) const;

  config::RunConfig run_;
  model::ModelConfig model_;
  Policy policy_;
  std::unique_ptr<model::Tokenizer> tokenizer_;  // null where the model has none
  RunReport report_;
};

}  // namespace switchyard::launcher

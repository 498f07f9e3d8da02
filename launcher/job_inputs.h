// launcher/job_inputs.h -- what several commands need to make a job: the tokenizer, the calibration
// file, the canonical policy, sequences out of prompts or out of a text's windows.
// Thread safety: pure but for reading files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "launcher/progress_line.h"
#include "launcher/prompts.h"
#include "runtime/config/run_config.h"
#include "runtime/engine/job.h"
#include "runtime/model/model_config.h"
#include "runtime/model/tokenizer.h"

namespace switchyard::launcher {

// The tokenizer of the model's directory; null for random weights or where the directory has none.
[[nodiscard]] Result<std::unique_ptr<model::Tokenizer>> open_tokenizer(
    const config::ModelSection& section);
// The same, but null and a warning on stderr where it is of a kind that is not supported: Mixtral's
// own (SentencePiece with byte fallback), for one. The model runs all the same.
[[nodiscard]] Result<std::unique_ptr<model::Tokenizer>> open_tokenizer_if_supported(
    const config::ModelSection& section);

// A policy checked against the model: its canonical spec and the calibration's text.
struct Policy {
  std::string spec;
  std::string calibration;
};
// Errors: kUsage for a bad spec, kNotFound / kBadInput for the calibration file.
[[nodiscard]] Result<Policy> read_policy(const config::RoutingSection& section,
                                         const model::ModelConfig& model);

// The positions a sequence may have: engine.context, or the model's.
[[nodiscard]] std::size_t context_of(const config::RunConfig& run, const model::ModelConfig& model);

// Inputs of a scoring window: engine.context, or 512, or the model's context where that is less.
[[nodiscard]] std::size_t window_of(const config::RunConfig& run, const model::ModelConfig& model);
// log.progress as the progress line wants it.
[[nodiscard]] ProgressLine::Show progress_of(const config::RunConfig& run);

// One request per prompt. Its stream of chance is a function of its seed and its id.
[[nodiscard]] std::vector<engine::SequenceRequest> generation_requests(
    const std::vector<Prompt>& prompts, const config::RunConfig& run,
    const model::ModelConfig& model);

// A text's ids cut into consecutive windows of `window` inputs with nothing carried over: every id
// but the first is a target once. `seed`: of policies that draw, a stream for each window.
[[nodiscard]] std::vector<engine::SequenceRequest> scoring_requests(
    const std::vector<std::uint32_t>& ids, std::size_t window, std::uint64_t seed);

// The same windows for an observer alone: no targets, logits of the last position only.
[[nodiscard]] std::vector<engine::SequenceRequest> observing_requests(
    std::vector<engine::SequenceRequest> windows);

// A text file as ids, with the bytes that its targets stand for.
struct ScoredText {
  std::vector<std::uint32_t> ids;
  std::size_t target_bytes = 0;
};
// `model_path`: for messages, empty for random weights. Errors: kUsage without a path; those of
// no_tokenizer() where `tokenizer` is null; kBadInput naming path and offset, or the first id that
// is not below `vocab`.
[[nodiscard]] Result<ScoredText> read_scored_text(const std::string& path,
                                                  const std::string& model_path,
                                                  const model::Tokenizer* tokenizer,
                                                  std::size_t vocab);

}  // namespace switchyard::launcher

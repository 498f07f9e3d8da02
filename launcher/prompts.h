// launcher/prompts.h -- prompts from the command line or a JSON Lines file, as token ids.
// A line is {"id": "...", "prompt": "..."} or {"id": "...", "tokens": [..]}, with "origin" and
// "regime" where residency matters, "traceparent" where the request is part of a trace, "at_ms"
// where it comes later than the run's start, and "max_tokens", "temperature", "top_k", "top_p" and
// "seed" where they are not the run's.
// Errors name the file and line. Thread safety: pure but for reading the file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/trace_context.h"
#include "runtime/config/run_config.h"
#include "runtime/model/tokenizer.h"

namespace switchyard::launcher {

struct Prompt {
  std::string id;    // of no other prompt; its place among them where none was given
  std::string text;  // as given; empty for a prompt of tokens
  std::vector<std::uint32_t> tokens;
  std::string origin;  // region it comes from, or empty
  std::string regime;  // residency rule that its rows are under, or empty
  TraceContext trace;  // given with it, or empty
  Duration arrival{};  // after the start of the run
  config::SamplingSection sampling;
  std::string place;  // "--prompt" or "file.jsonl:12", for messages
};

// Whether a prompt grows by its max_tokens.
enum class Grows : std::uint8_t { kNo, kYes };

struct PromptLimits {
  std::size_t lines_max = 1'000'000;
  std::size_t line_bytes_max = std::size_t{4} << 20;
  std::size_t tokens_max = 0;  // the context; longer prompts are refused
  std::size_t vocab = 0;
  std::string model_path;              // for messages; empty: random weights
  Grows grows = Grows::kNo;            // within tokens_max
  std::size_t positions_max = 0;       // of one sequence in the KV cache
  config::SamplingSection sampling{};  // where a line sets none
};

// What is said where there is no tokenizer: kNotFound naming its file, or kUnsupported where it is
// of another kind or the weights are random.
[[nodiscard]] Unexpected no_tokenizer(const std::string& model_path, std::string_view advice);

// Errors: kBadInput naming the first id that the model has no embedding for (a tokenizer may know
// more tokens than its model).
[[nodiscard]] Result<void> check_ids(std::span<const std::uint32_t> ids, std::size_t vocab);

// `texts`: of --prompt, in order; `file`: of --prompts, or empty; "-" is standard input.
// `tokenizer` may be null when every prompt is given as tokens.
// Errors: kUsage when neither is given; kNotFound, kBadInput, kLimit, kIo naming the place; among
// them a file without a prompt, and a key or an id that comes twice.
[[nodiscard]] Result<std::vector<Prompt>> read_prompts(const std::vector<std::string>& texts,
                                                       const std::string& file,
                                                       const model::Tokenizer* tokenizer,
                                                       const PromptLimits& limits);

// The whole of a text file. Errors: kNotFound, kIo, kLimit naming the path.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path, std::size_t bytes_max);
// A result's file, as OutputFile writes it. Errors: kIo naming the path.
[[nodiscard]] Result<void> write_text_file(const std::string& path, std::string_view text);

}  // namespace switchyard::launcher

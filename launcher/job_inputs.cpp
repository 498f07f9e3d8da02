#include "launcher/job_inputs.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "launcher/cluster_run.h"
#include "runtime/base/random.h"
#include "runtime/routing/router.h"

namespace switchyard::launcher {
namespace {

constexpr std::size_t kTextBytesMax = std::size_t{256} << 20;
constexpr std::size_t kCalibrationBytesMax = std::size_t{64} << 20;

// A sequence's own stream: of its id, wherever it stands and whatever runs beside it.
std::uint64_t seed_of(std::uint64_t seed, std::string_view id) {
  std::uint64_t name = id.size();
  for (const char c : id) name = mix64(name ^ static_cast<unsigned char>(c));
  return hash_counters(seed, name);
}

}  // namespace

Result<std::unique_ptr<model::Tokenizer>> open_tokenizer(const config::ModelSection& section) {
  if (section.path.empty()) return nullptr;
  std::error_code error;
  const auto file = std::filesystem::path(section.path) / "tokenizer.json";
  if (!std::filesystem::exists(file, error)) return nullptr;
  return model::Tokenizer::open(section.path);
}

Result<std::unique_ptr<model::Tokenizer>> open_tokenizer_if_supported(
    const config::ModelSection& section) {
  auto tokenizer = open_tokenizer(section);
  if (tokenizer || tokenizer.error().code != ErrorCode::kUnsupported) return tokenizer;
  std::fprintf(stderr, "switchyard: warning: %s; prompts have to be token ids\n",
               tokenizer.error().message.c_str());
  return nullptr;
}

Result<Policy> read_policy(const config::RoutingSection& section, const model::ModelConfig& model) {
  Policy policy;
  if (!section.calibration.empty()) {
    SY_ASSIGN(policy.calibration, read_text_file(section.calibration, kCalibrationBytesMax));
  }
  auto router =
      routing::make_router(section.spec, engine::convention_of(model), policy.calibration);
  if (!router) {
    const std::string with =
        section.calibration.empty() ? "" : fmt::format(" with {}", section.calibration);
    return with_place(std::move(router).error(), fmt::format("routing '{}'{}", section.spec, with));
  }
  policy.spec = (*router)->spec();
  return policy;
}

std::size_t context_of(const config::RunConfig& run, const model::ModelConfig& model) {
  return run.engine.context == 0 ? model.context_max : run.engine.context;
}

std::size_t window_of(const config::RunConfig& run, const model::ModelConfig& model) {
  constexpr std::size_t kWindowDefault = 512;
  return run.engine.context != 0 ? run.engine.context : std::min(kWindowDefault, model.context_max);
}

ProgressLine::Show progress_of(const config::RunConfig& run) {
  return run.log.progress ? ProgressLine::Show::kYes : ProgressLine::Show::kNo;
}

std::vector<engine::SequenceRequest> generation_requests(const std::vector<Prompt>& prompts,
                                                         const config::RunConfig& run,
                                                         const model::ModelConfig& model) {
  std::vector<engine::SequenceRequest> requests;
  for (std::uint32_t i = 0; i < prompts.size(); ++i) {
    engine::SequenceRequest request;
    request.id = SequenceId(i);
    request.tokens = prompts[i].tokens;
    request.origin = prompts[i].origin;
    request.regime = prompts[i].regime;
    request.trace = prompts[i].trace;
    request.arrival = prompts[i].arrival;
    const config::SamplingSection& sampling = prompts[i].sampling;
    request.max_tokens = static_cast<std::uint32_t>(sampling.max_tokens);
    request.sampling = {sampling.temperature, static_cast<std::uint32_t>(sampling.top_k),
                        sampling.top_p};
    request.seed = seed_of(sampling.seed, prompts[i].id);
    if (!run.sampling.ignore_eos) request.stop_tokens = model.eos_tokens;
    requests.push_back(std::move(request));
  }
  return requests;
}

std::vector<engine::SequenceRequest> scoring_requests(const std::vector<std::uint32_t>& ids,
                                                      std::size_t window, std::uint64_t seed) {
  std::vector<engine::SequenceRequest> requests;
  for (std::size_t begin = 0; begin + 1 < ids.size(); begin += window) {
    const std::size_t count = std::min(window, ids.size() - 1 - begin);
    const auto first = ids.begin() + static_cast<std::ptrdiff_t>(begin);
    engine::SequenceRequest request;
    request.id = SequenceId(static_cast<std::uint32_t>(requests.size()));
    request.tokens.assign(first, first + static_cast<std::ptrdiff_t>(count));
    request.targets.assign(first + 1, first + 1 + static_cast<std::ptrdiff_t>(count));
    request.wanted = engine::LogitsWanted::kAll;
    request.digest = engine::DigestWanted::kNo;
    request.seed = hash_counters(seed, begin);
    requests.push_back(std::move(request));
  }
  return requests;
}

std::vector<engine::SequenceRequest> observing_requests(
    std::vector<engine::SequenceRequest> windows) {
  for (auto& window : windows) {
    window.targets.clear();
    window.wanted = engine::LogitsWanted::kLast;
  }
  return windows;
}

Result<ScoredText> read_scored_text(const std::string& path, const std::string& model_path,
                                    const model::Tokenizer* tokenizer, std::size_t vocab) {
  if (path.empty()) return fail(ErrorCode::kUsage, "no text: give --text FILE");
  if (tokenizer == nullptr) {
    return no_tokenizer(model_path, "a text needs one");
  }
  SY_ASSIGN(const auto text, read_text_file(path, kTextBytesMax));
  auto ids = tokenizer->encode(text);
  if (!ids) return with_place(std::move(ids).error(), path);
  if (auto known = check_ids(*ids, vocab); !known) {
    return with_place(std::move(known).error(), path);
  }
  if (ids->size() < 2) {
    return fail(ErrorCode::kBadInput, "{}: {} token(s); at least 2 are needed", path, ids->size());
  }
  ScoredText scored;
  // Not the text less its first token: that may be a mark of the tokenizer's own.
  SY_ASSIGN(const auto targets,
            tokenizer->decode(std::span(*ids).subspan(1), model::Tokenizer::Special::kKeep));
  scored.target_bytes = targets.size();
  scored.ids = std::move(ids).value();
  return scored;
}

}  // namespace switchyard::launcher

#include "launcher/prompts.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string_view>
#include <unordered_map>

#include "runtime/base/check.h"
#include "runtime/base/output_file.h"
#include "runtime/base/utf8.h"
#include "runtime/config/key_table.h"
#include "runtime/model/checkpoint/json_fields.h"

namespace switchyard::launcher {
namespace {

using nlohmann::json;

constexpr std::size_t kDepthMax = 8;  // of a line's JSON

// A value that is no id, for a message; a list may be nested too deep to be written out.
std::string shown(const json& value) {
  return value.is_number() ? value.dump() : value.type_name();
}

Result<std::vector<std::uint32_t>> token_list(const json& list, const PromptLimits& limits) {
  if (!list.is_array()) return fail(ErrorCode::kBadInput, "tokens: expected a list of ids");
  std::vector<std::uint32_t> tokens;
  for (const auto& item : list) {
    if (!item.is_number_unsigned() || item.get<std::uint64_t>() >= limits.vocab) {
      return fail(ErrorCode::kBadInput, "tokens[{}]: expected an id below {}, got {}",
                  tokens.size(), limits.vocab, shown(item));
    }
    tokens.push_back(item.get<std::uint32_t>());
  }
  return tokens;
}

// A day at most: a run that waits for longer is a mistake in the file.
Result<Duration> arrival_of(const json& value) {
  constexpr double kMsMax = 24.0 * 3600 * 1000;
  const double ms = value.is_number() ? value.get<double>() : -1;
  if (!(ms >= 0 && ms <= kMsMax)) {
    return fail(ErrorCode::kBadInput, "at_ms: expected 0 to {:.0f} milliseconds, got {}", kMsMax,
                shown(value));
  }
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(ms));
}

Result<void> set_tokens(Prompt& prompt, const model::Tokenizer* tokenizer,
                        const PromptLimits& limits) {
  if (prompt.tokens.empty() && !prompt.text.empty()) {
    if (tokenizer == nullptr) {
      return no_tokenizer(limits.model_path, "give the prompt as {\"tokens\": [..]}");
    }
    SY_ASSIGN(prompt.tokens, tokenizer->encode(prompt.text));
  }
  if (prompt.tokens.empty()) return fail(ErrorCode::kBadInput, "the prompt is empty");
  SY_TRY(check_ids(prompt.tokens, limits.vocab));
  if (prompt.tokens.size() > limits.tokens_max) {
    return fail(ErrorCode::kLimit, "the prompt has {} tokens; the context holds {}",
                prompt.tokens.size(), limits.tokens_max);
  }
  const std::size_t positions = std::min(
      limits.tokens_max,
      prompt.tokens.size() + (limits.grows == Grows::kYes ? prompt.sampling.max_tokens : 0));
  if (positions > limits.positions_max) {
    return fail(ErrorCode::kLimit,
                "the prompt and its new tokens need {} positions; the KV cache has {} "
                "(engine.kv_mib)",
                positions, limits.positions_max);
  }
  return {};
}

constexpr std::array<std::string_view, 5> kSamplingKeys{"max_tokens", "temperature", "top_k",
                                                        "top_p", "seed"};

// By the rules of the run's own setting of that name.
Result<void> set_sampling(Prompt& prompt, const std::string& name, const json& value) {
  config::RunConfig run;  // that of the table of keys
  run.sampling = prompt.sampling;
  const config::Key* key = config::find_key("sampling." + name);
  SY_CHECK(key != nullptr, "no key sampling.{}", name);
  if (!value.is_number()) {
    return fail(ErrorCode::kBadInput, "{}: expected a number, got {}", name, value.type_name());
  }
  SY_TRY(config::set_value(run, *key, value.dump(), ErrorCode::kBadInput));
  if (run.sampling.top_p <= 0) {
    return fail(ErrorCode::kBadInput, "top_p: expected a number in (0, 1]");
  }
  prompt.sampling = run.sampling;
  return {};
}

// A key of a line that is wrong: it is unknown, or known with a value of another kind.
Unexpected no_field(const std::string& key) {
  static constexpr std::array<std::string_view, 5> kTexts{"id", "prompt", "origin", "regime",
                                                          "traceparent"};
  if (std::ranges::find(kTexts, key) != kTexts.end()) {
    return fail(ErrorCode::kBadInput, "{}: expected a text in quotes", key);
  }
  return fail(
      ErrorCode::kBadInput,
      "key {} is unknown; known: id, prompt, tokens, origin, regime, traceparent, at_ms, {}",
      config::show_text(key), fmt::join(kSamplingKeys, ", "));
}

// The prompt of a line's object; tokens of its text are still to come.
Result<Prompt> read_fields(const json& body, const PromptLimits& limits) {
  Prompt prompt;
  prompt.sampling = limits.sampling;
  for (const auto& [key, value] : body.items()) {
    if (key == "id" && value.is_string()) {
      prompt.id = value.get<std::string>();
    } else if (key == "prompt" && value.is_string()) {
      prompt.text = value.get<std::string>();
    } else if (key == "origin" && value.is_string()) {
      prompt.origin = value.get<std::string>();
    } else if (key == "regime" && value.is_string()) {
      prompt.regime = value.get<std::string>();
    } else if (key == "traceparent" && value.is_string()) {
      SY_ASSIGN(prompt.trace, parse_trace_parent(value.get<std::string>()));
    } else if (key == "at_ms") {
      SY_ASSIGN(prompt.arrival, arrival_of(value));
    } else if (key == "tokens") {
      SY_ASSIGN(prompt.tokens, token_list(value, limits));
    } else if (std::ranges::find(kSamplingKeys, key) != kSamplingKeys.end()) {
      SY_TRY(set_sampling(prompt, key, value));
    } else {
      return no_field(key);
    }
  }
  if (body.contains("prompt") == body.contains("tokens")) {
    return fail(ErrorCode::kBadInput, "expected either prompt or tokens");
  }
  return prompt;
}

// `index`: of the prompt among all, and its id where it has none.
Result<Prompt> parse_line(std::string_view line, const std::string& place, std::size_t index,
                          const model::Tokenizer* tokenizer, const PromptLimits& limits) {
  if (const auto at = find_invalid_utf8(line)) {
    return fail(ErrorCode::kBadInput, "{}: invalid UTF-8 at byte {}", place, *at);
  }
  SY_ASSIGN(const auto body,
            model::parse_json_object(line, place, {limits.line_bytes_max, kDepthMax}));
  auto prompt = read_fields(body, limits);
  if (!prompt) return with_place(std::move(prompt).error(), place);
  if (prompt->id.empty()) prompt->id = std::to_string(index);
  prompt->place = place;
  if (auto set = set_tokens(*prompt, tokenizer, limits); !set) {
    return with_place(std::move(set).error(), place);
  }
  return prompt;
}

// The next line without its end, or nothing behind the last. No more of a line is read than fits
// `buffer`. Errors: kLimit for a longer one, kIo.
Result<std::optional<std::string_view>> next_line(std::istream& in, std::string& buffer) {
  in.getline(buffer.data(), static_cast<std::streamsize>(buffer.size()));
  const auto count = static_cast<std::size_t>(in.gcount());
  if (in.bad()) return fail(ErrorCode::kIo, "cannot be read: {}", std::strerror(errno));
  if (in.eof()) {
    if (count == 0) return std::nullopt;
    return std::string_view(buffer.data(), count);
  }
  if (in.fail()) return fail(ErrorCode::kLimit, "a line of more than {} bytes", buffer.size() - 1);
  return std::string_view(buffer.data(), count - 1);
}

Result<void> read_lines(std::istream& in, const std::string& name,
                        const model::Tokenizer* tokenizer, const PromptLimits& limits,
                        std::vector<Prompt>& prompts) {
  std::string buffer(limits.line_bytes_max + 1, '\0');  // with the end that getline() adds
  for (std::size_t number = 1;; ++number) {
    const std::string place = fmt::format("{}:{}", name, number);
    const auto line = next_line(in, buffer);
    if (!line) return with_place(Error(line.error()), place);
    if (!*line) return {};
    if (number > limits.lines_max) {
      return fail(ErrorCode::kLimit, "{}: more than {} lines", place, limits.lines_max);
    }
    if ((*line)->find_first_not_of(" \t\r") == std::string_view::npos) continue;
    SY_ASSIGN(auto prompt, parse_line(**line, place, prompts.size(), tokenizer, limits));
    prompts.push_back(std::move(prompt));
  }
}

// Answers, digests, tensors and trace ids are told apart by them.
Result<void> check_unique(const std::vector<Prompt>& prompts) {
  std::unordered_map<std::string_view, std::string_view> places;
  for (const auto& prompt : prompts) {
    const auto [before, fresh] = places.emplace(prompt.id, prompt.place);
    if (fresh) continue;
    return fail(ErrorCode::kBadInput,
                "{}: id {} is that of the prompt at {} (without an id: 0, 1, ..)", prompt.place,
                config::show_text(prompt.id), before->second);
  }
  return {};
}

}  // namespace

Unexpected no_tokenizer(const std::string& model_path, std::string_view advice) {
  if (model_path.empty()) {
    return fail(ErrorCode::kUnsupported, "a model of random weights has no tokenizer; {}", advice);
  }
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::path(model_path) / "tokenizer.json", error)) {
    return fail(ErrorCode::kUnsupported, "{}/tokenizer.json is of a kind that is not supported; {}",
                model_path, advice);
  }
  return fail(ErrorCode::kNotFound, "{}/tokenizer.json: there is no such file; {}", model_path,
              advice);
}

Result<void> check_ids(std::span<const std::uint32_t> ids, std::size_t vocab) {
  const auto found = std::ranges::find_if(ids, [vocab](std::uint32_t id) { return id >= vocab; });
  if (found == ids.end()) return {};
  return fail(ErrorCode::kBadInput,
              "token {}: the tokenizer gives id {}; the model's vocabulary has {}",
              found - ids.begin(), *found, vocab);
}

Result<std::vector<Prompt>> read_prompts(const std::vector<std::string>& texts,
                                         const std::string& file, const model::Tokenizer* tokenizer,
                                         const PromptLimits& limits) {
  std::vector<Prompt> prompts;
  for (const auto& text : texts) {
    Prompt prompt;
    prompt.id = std::to_string(prompts.size());
    prompt.text = text;
    prompt.sampling = limits.sampling;
    prompt.place = "--prompt";
    if (auto set = set_tokens(prompt, tokenizer, limits); !set) {
      return with_place(std::move(set).error(), prompt.place);
    }
    prompts.push_back(std::move(prompt));
  }
  if (file == "-") {
    SY_TRY(read_lines(std::cin, "stdin", tokenizer, limits, prompts));
  } else if (!file.empty()) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return fail(ErrorCode::kNotFound, "{}: {}", file, std::strerror(errno));
    SY_TRY(read_lines(in, file, tokenizer, limits, prompts));
  }
  if (prompts.empty() && !file.empty()) {
    return fail(ErrorCode::kBadInput, "{}: there is no prompt in it",
                file == "-" ? "standard input" : file);
  }
  if (prompts.empty()) {
    return fail(ErrorCode::kUsage, "no prompt: give --prompt TEXT or --prompts FILE.jsonl");
  }
  SY_TRY(check_unique(prompts));
  return prompts;
}

Result<std::string> read_text_file(const std::string& path, std::size_t bytes_max) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (error) {
    const bool missing =
        error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
    return fail(missing ? ErrorCode::kNotFound : ErrorCode::kIo, "{}: {}", path, error.message());
  }
  if (bytes > bytes_max) {
    return fail(ErrorCode::kLimit, "{}: {} bytes; the limit is {}", path, bytes, bytes_max);
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return fail(ErrorCode::kIo, "{}: cannot be read", path);
  return text.str();
}

Result<void> write_text_file(const std::string& path, std::string_view text) {
  SY_ASSIGN(auto file, OutputFile::create(path));
  file.write(text);
  return file.finish();
}

}  // namespace switchyard::launcher

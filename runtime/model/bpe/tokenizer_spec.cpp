#include "runtime/model/bpe/tokenizer_spec.h"

#include "runtime/model/bpe/json_node.h"
#include "runtime/model/bpe/pipeline_spec.h"

namespace switchyard::model::bpe {
namespace {

Result<void> read_vocab(const JsonNode& node, const TokenizerLimits& limits, TokenizerSpec& spec) {
  SY_TRY(node.expect_object());
  for (const auto& [token, id_value] : node.value().items()) {
    if (token.empty()) return node.expected("tokens that are not empty");
    if (token.size() > limits.token_bytes_max) {
      return fail(ErrorCode::kLimit, "{}: token of {} bytes, the limit is {}", node.place(),
                  token.size(), limits.token_bytes_max);
    }
    SY_ASSIGN(const std::uint32_t id,
              JsonNode(id_value, fmt::format("{}.{}", node.place(), token)).as_id(limits.id_max));
    spec.vocab.emplace(token, id);
  }
  return {};
}

// "left right" or ["left", "right"]: files of before and after 2024.
Result<MergeRule> read_merge(const JsonNode& node) {
  if (node.value().is_array() && node.value().size() == 2) {
    SY_ASSIGN(const std::string_view left, node.element(0).as_string());
    SY_ASSIGN(const std::string_view right, node.element(1).as_string());
    return MergeRule{std::string(left), std::string(right)};
  }
  if (!node.value().is_string()) return node.expected("\"left right\" or [\"left\", \"right\"]");
  SY_ASSIGN(const std::string_view text, node.as_string());
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
    return node.expected("two tokens with one space between them");
  }
  return MergeRule{std::string(text.substr(0, space)), std::string(text.substr(space + 1))};
}

Result<void> read_model(const JsonNode& node, const TokenizerLimits& limits, TokenizerSpec& spec) {
  SY_TRY(node.expect_object());
  if (const auto type = node.find("type")) {
    SY_ASSIGN(const std::string_view name, type->as_string());
    if (name != "BPE") return type->unsupported("BPE is");
  }
  SY_TRY(node.allow_only("dropout", nullptr));
  SY_ASSIGN(const bool byte_fallback, node.bool_or("byte_fallback", false));
  spec.spelling = byte_fallback ? Spelling::kByteFallback : Spelling::kByteAlphabet;
  if (byte_fallback) {  // nothing is unknown then, so "unk_token" and "fuse_unk" have no effect
    SY_TRY(node.allow_only("ignore_merges", false));
  } else {
    SY_TRY(node.allow_only("unk_token", nullptr));
  }
  SY_TRY(node.allow_only("continuing_subword_prefix", ""));
  SY_TRY(node.allow_only("end_of_word_suffix", ""));
  SY_ASSIGN(const bool ignore_merges, node.bool_or("ignore_merges", false));
  spec.lookup = ignore_merges ? PieceLookup::kVocabFirst : PieceLookup::kMergesOnly;
  SY_ASSIGN(const JsonNode vocab, node.at("vocab"));
  SY_TRY(read_vocab(vocab, limits, spec));
  SY_ASSIGN(const JsonNode merges, node.at("merges"));
  SY_TRY(merges.expect_array());
  if (merges.value().size() > limits.merges_max) {
    return fail(ErrorCode::kLimit, "{}: {} merges, the limit is {}", merges.place(),
                merges.value().size(), limits.merges_max);
  }
  spec.merges.reserve(merges.value().size());
  for (std::size_t i = 0; i < merges.value().size(); ++i) {
    SY_ASSIGN(MergeRule rule, read_merge(merges.element(i)));
    spec.merges.push_back(std::move(rule));
  }
  return {};
}

Result<AddedToken> read_added_token(const JsonNode& node, const TokenizerLimits& limits) {
  AddedToken token;
  SY_ASSIGN(const JsonNode id, node.at("id"));
  SY_ASSIGN(token.id, id.as_id(limits.id_max));
  SY_ASSIGN(const JsonNode content, node.at("content"));
  SY_ASSIGN(const std::string_view text, content.as_string());
  if (text.empty()) return content.expected("a token that is not empty");
  if (text.size() > limits.token_bytes_max) {
    return fail(ErrorCode::kLimit, "{}: token of {} bytes, the limit is {}", content.place(),
                text.size(), limits.token_bytes_max);
  }
  token.content = text;
  // These swallow or depend on the text around the token, so decode could not give it back.
  for (const std::string_view flag : {"single_word", "lstrip", "rstrip"}) {
    SY_TRY(node.allow_only(flag, false));
  }
  SY_ASSIGN(token.special, node.bool_or("special", false));
  SY_ASSIGN(token.normalized, node.bool_or("normalized", !token.special));
  return token;
}

Result<void> read_added(const JsonNode& node, const TokenizerLimits& limits, TokenizerSpec& spec) {
  SY_TRY(node.expect_array());
  if (node.value().size() > limits.added_tokens_max) {
    return fail(ErrorCode::kLimit, "{}: {} added tokens, the limit is {}", node.place(),
                node.value().size(), limits.added_tokens_max);
  }
  for (std::size_t i = 0; i < node.value().size(); ++i) {
    SY_ASSIGN(AddedToken token, read_added_token(node.element(i), limits));
    spec.added.push_back(std::move(token));
  }
  return {};
}

}  // namespace

Result<TokenizerSpec> read_tokenizer_spec(std::string_view json, std::string_view place,
                                          const TokenizerLimits& limits) {
  if (json.size() > limits.file_bytes_max) {
    return fail(ErrorCode::kLimit, "{}: {} bytes, the limit is {}", place, json.size(),
                limits.file_bytes_max);
  }
  SY_ASSIGN(const nlohmann::json document, parse_json(json, place));
  const JsonNode root(document, std::string(place));
  SY_TRY(root.expect_object());
  SY_TRY(root.allow_only("truncation", nullptr));
  SY_TRY(root.allow_only("padding", nullptr));
  TokenizerSpec spec;
  SY_ASSIGN(const JsonNode model, root.at("model"));
  SY_TRY(read_model(model, limits, spec));
  if (const auto added = root.find("added_tokens")) SY_TRY(read_added(*added, limits, spec));
  SY_TRY(read_pipeline(root, limits, spec));
  return spec;
}

}  // namespace switchyard::model::bpe

#include "runtime/model/bpe/pipeline_spec.h"

#include "runtime/model/bpe/pipeline_stage.h"
#include "runtime/model/bpe/space_marks_spec.h"

namespace switchyard::model::bpe {
namespace {

// GPT-2's cutting expression (Radford et al. 2019), which ByteLevel means by "use_regex".
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

Result<void> read_normalizer(const JsonNode& root, TokenizerSpec& spec) {
  const auto node = root.find("normalizer");
  if (!node) return {};
  SY_ASSIGN(const auto stages, read_stages(*node, "normalizers"));
  for (const PipelineStage& stage : stages) {
    if (stage.type != "NFC") return unknown_type(stage, "NFC is");
    spec.normalization = Normalization::kNfc;
  }
  return {};
}

Result<SplitStep> read_byte_level(const JsonNode& node) {
  SplitStep step;
  SY_ASSIGN(const bool prefix, node.bool_or("add_prefix_space", true));
  SY_ASSIGN(const bool use_regex, node.bool_or("use_regex", true));
  step.prefix_space = prefix ? PrefixSpace::kAdd : PrefixSpace::kNone;
  if (use_regex) step.pattern = kGpt2Pattern;
  return step;
}

Result<SplitStep> read_split(const JsonNode& node, const TokenizerLimits& limits) {
  SY_ASSIGN(const JsonNode behavior, node.at("behavior"));
  SY_ASSIGN(const std::string_view how, behavior.as_string());
  if (how != "Isolated") return behavior.unsupported("\"Isolated\" is");
  SY_ASSIGN(const bool invert, node.bool_or("invert", false));
  if (invert) return node.find("invert")->unsupported("false is");
  SY_ASSIGN(const JsonNode pattern, node.at("pattern"));
  SY_TRY(pattern.expect_object());
  const auto regex = pattern.find("Regex");
  if (!regex) return pattern.unsupported("{\"Regex\": ..} is");
  SY_ASSIGN(const std::string_view text, regex->as_string());
  if (text.empty()) return regex->expected("an expression");
  if (text.size() > limits.pattern_bytes_max) {
    return fail(ErrorCode::kLimit, "{}: {} bytes, the limit is {}", regex->place(), text.size(),
                limits.pattern_bytes_max);
  }
  SplitStep step;
  step.pattern = text;
  return step;
}

Result<void> read_pre_tokenizer(const JsonNode& root, const TokenizerLimits& limits,
                                TokenizerSpec& spec) {
  const auto node = root.find("pre_tokenizer");
  if (!node) {
    return fail(ErrorCode::kUnsupported, "{}.pre_tokenizer: null is not supported (ByteLevel is)",
                root.place());
  }
  SY_ASSIGN(const auto stages, read_stages(*node, "pretokenizers"));
  if (stages.empty() || stages.size() > limits.split_steps_max) {
    return node->expected(fmt::format("1 to {} steps", limits.split_steps_max));
  }
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const PipelineStage& stage = stages[i];
    const bool last = i + 1 == stages.size();
    if (last && stage.type == "ByteLevel") {
      SY_ASSIGN(SplitStep step, read_byte_level(stage.node));
      spec.steps.push_back(std::move(step));
    } else if (!last && stage.type == "Split") {
      SY_ASSIGN(SplitStep step, read_split(stage.node, limits));
      spec.steps.push_back(std::move(step));
    } else {
      return unknown_type(stage, "Split steps and ByteLevel as the last one are");
    }
  }
  return {};
}

// {"<s>": {"ids": [1]}}: the ids of a template's special token.
Result<void> read_template_token(const JsonNode& processor, const JsonNode& item,
                                 const TokenizerLimits& limits, TokenizerSpec& spec) {
  SY_ASSIGN(const JsonNode name_node, item.at("id"));
  SY_ASSIGN(const std::string_view name, name_node.as_string());
  SY_ASSIGN(const JsonNode tokens, processor.at("special_tokens"));
  SY_ASSIGN(const JsonNode token, tokens.at(name));
  SY_ASSIGN(const JsonNode ids, token.at("ids"));
  SY_TRY(ids.expect_array());
  for (std::size_t i = 0; i < ids.value().size(); ++i) {
    SY_ASSIGN(const std::uint32_t id, ids.element(i).as_id(limits.id_max));
    spec.prefix_ids.push_back(id);
  }
  return {};
}

// "single": special tokens, then the text. Templates for pairs of texts do not concern us.
Result<void> read_template(const JsonNode& node, const TokenizerLimits& limits,
                           TokenizerSpec& spec) {
  SY_ASSIGN(const JsonNode single, node.at("single"));
  SY_TRY(single.expect_array());
  const std::size_t count = single.value().size();
  for (std::size_t i = 0; i < count; ++i) {
    const JsonNode item = single.element(i);
    SY_TRY(item.expect_object());
    if (i + 1 == count) {
      if (!item.find("Sequence")) return item.unsupported("the text comes last");
    } else {
      const auto special = item.find("SpecialToken");
      if (!special) return item.unsupported("special tokens, then the text");
      SY_TRY(read_template_token(node, *special, limits, spec));
    }
  }
  if (count == 0) return single.expected("a template that holds the text");
  return {};
}

Result<void> read_post_processor(const JsonNode& root, const TokenizerLimits& limits,
                                 TokenizerSpec& spec) {
  const auto node = root.find("post_processor");
  if (!node) return {};
  SY_ASSIGN(const auto stages, read_stages(*node, "processors"));
  for (const PipelineStage& stage : stages) {
    if (stage.type == "TemplateProcessing") {
      SY_TRY(read_template(stage.node, limits, spec));
    } else if (stage.type != "ByteLevel") {  // that one moves character offsets, never ids
      return unknown_type(stage, "ByteLevel and TemplateProcessing are");
    }
  }
  return {};
}

Result<void> read_decoder(const JsonNode& root) {
  SY_ASSIGN(const JsonNode node, root.at("decoder"));
  SY_ASSIGN(const auto stages, read_stages(node, "decoders"));
  for (const PipelineStage& stage : stages) {
    if (stage.type != "ByteLevel") return unknown_type(stage, "ByteLevel is");
  }
  return {};
}

}  // namespace

Result<void> read_pipeline(const JsonNode& root, const TokenizerLimits& limits,
                           TokenizerSpec& spec) {
  SY_TRY(read_post_processor(root, limits, spec));
  if (spec.spelling == Spelling::kByteFallback) return read_space_marks(root, spec);
  SY_TRY(read_normalizer(root, spec));
  SY_TRY(read_pre_tokenizer(root, limits, spec));
  return read_decoder(root);
}

}  // namespace switchyard::model::bpe

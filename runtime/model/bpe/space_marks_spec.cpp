#include "runtime/model/bpe/space_marks_spec.h"

#include "runtime/model/bpe/pipeline_stage.h"
#include "runtime/model/bpe/space_marks.h"

namespace switchyard::model::bpe {
namespace {

// {"pattern": {"String": from}, "content": to}
Result<void> expect_replace(const JsonNode& node, std::string_view from, std::string_view to) {
  SY_ASSIGN(const JsonNode pattern, node.at("pattern"));
  SY_TRY(pattern.expect_object());
  const nlohmann::json known = {{"String", from}};
  if (pattern.value() != known) return pattern.unsupported("only " + known.dump() + " is");
  SY_ASSIGN(const JsonNode content, node.at("content"));
  return content.value() == to ? Result<void>()
                               : content.unsupported("only " + nlohmann::json(to).dump() + " is");
}

Result<void> read_normalizer(const JsonNode& root, TokenizerSpec& spec) {
  const auto node = root.find("normalizer");
  if (!node) return {};
  SY_ASSIGN(const auto stages, read_stages(*node, "normalizers"));
  bool prepends = false;
  bool replaces = false;
  for (const PipelineStage& stage : stages) {
    if (stage.type == "Prepend" && !prepends) {
      SY_TRY(stage.node.allow_only("prepend", kSpaceMark));
      prepends = true;
    } else if (stage.type == "Replace" && !replaces) {
      SY_TRY(expect_replace(stage.node, " ", kSpaceMark));
      replaces = true;
    } else {
      return unknown_type(stage, "with byte_fallback one Prepend and one Replace are");
    }
  }
  if (!prepends || !replaces) return node->expected("both Prepend and Replace");
  spec.normalization = Normalization::kSpaceMarks;
  return {};
}

Result<FrontMark> read_metaspace(const JsonNode& node) {
  SY_TRY(node.allow_only("replacement", kSpaceMark));
  if (!node.find("split")) {
    return fail(ErrorCode::kUnsupported, "{}.split: absent means true, only false is supported",
                node.place());
  }
  SY_TRY(node.allow_only("split", false));
  const auto scheme = node.find("prepend_scheme");
  if (!scheme) return FrontMark::kAlways;
  SY_ASSIGN(const std::string_view name, scheme->as_string());
  if (name == "always") return FrontMark::kAlways;
  if (name == "first") return FrontMark::kFirst;
  if (name == "never") return FrontMark::kNever;
  return scheme->unsupported("\"always\", \"first\" and \"never\" are");
}

Result<void> read_pre_tokenizer(const JsonNode& root, TokenizerSpec& spec) {
  const auto node = root.find("pre_tokenizer");
  if (!node) {
    if (spec.normalization == Normalization::kSpaceMarks) return {};
    return fail(ErrorCode::kUnsupported,
                "{}.pre_tokenizer: null is not supported (with byte_fallback and no normalizer "
                "Metaspace is)",
                root.place());
  }
  SY_ASSIGN(const auto stages, read_stages(*node, "pretokenizers"));
  if (stages.size() != 1) return node->expected("one step");
  if (stages[0].type != "Metaspace" || spec.normalization == Normalization::kSpaceMarks) {
    return unknown_type(stages[0],
                        "with byte_fallback Metaspace is, or null where the normalizer marks "
                        "spaces");
  }
  SY_ASSIGN(spec.marks, read_metaspace(stages[0].node));
  return {};
}

Result<void> read_decoder(const JsonNode& root) {
  SY_ASSIGN(const JsonNode node, root.at("decoder"));
  SY_ASSIGN(const auto stages, read_stages(node, "decoders"));
  for (const PipelineStage& stage : stages) {
    if (stage.type == "Replace") {
      SY_TRY(expect_replace(stage.node, kSpaceMark, " "));
    } else if (stage.type == "Strip") {
      SY_TRY(stage.node.allow_only("content", " "));
      SY_TRY(stage.node.allow_only("stop", 0));
    } else if (stage.type == "Metaspace") {
      SY_TRY(stage.node.allow_only("replacement", kSpaceMark));
    } else if (stage.type != "ByteFallback" && stage.type != "Fuse") {
      return unknown_type(stage,
                          "with byte_fallback Replace, ByteFallback, Fuse, Strip and "
                          "Metaspace are");
    }
  }
  return {};
}

}  // namespace

Result<void> read_space_marks(const JsonNode& root, TokenizerSpec& spec) {
  SY_TRY(read_normalizer(root, spec));
  SY_TRY(read_pre_tokenizer(root, spec));
  return read_decoder(root);
}

}  // namespace switchyard::model::bpe

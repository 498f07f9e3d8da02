#include "runtime/model/bpe/pipeline_stage.h"

namespace switchyard::model::bpe {
namespace {

// Deeper nesting than one Sequence in a Sequence is not seen in files, only in attacks.
constexpr int kNestingMax = 4;

Result<void> flatten(const JsonNode& node, std::string_view parts_key, int depth,
                     std::vector<PipelineStage>& out) {
  SY_ASSIGN(const JsonNode type, node.at("type"));
  SY_ASSIGN(const std::string_view name, type.as_string());
  if (name != "Sequence") {
    out.push_back({node, std::string(name)});
    return {};
  }
  if (depth == kNestingMax) return type.unsupported("nested too deep");
  SY_ASSIGN(const JsonNode parts, node.at(parts_key));
  SY_TRY(parts.expect_array());
  for (std::size_t i = 0; i < parts.value().size(); ++i) {
    SY_TRY(flatten(parts.element(i), parts_key, depth + 1, out));
  }
  return {};
}

}  // namespace

Result<std::vector<PipelineStage>> read_stages(const JsonNode& node, std::string_view parts_key) {
  std::vector<PipelineStage> stages;
  SY_TRY(flatten(node, parts_key, 0, stages));
  return stages;
}

Unexpected unknown_type(const PipelineStage& stage, std::string_view known) {
  return fail(ErrorCode::kUnsupported, "{}.type: {} is not supported ({})", stage.node.place(),
              nlohmann::json(stage.type).dump(), known);
}

}  // namespace switchyard::model::bpe

#include <algorithm>
#include <array>

#include "runtime/model/families/family.h"

namespace switchyard::model {
namespace {

std::string known_families() {
  std::string names;
  for (const Family* family : families()) {
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", family->model_type,
                         family->architecture);
  }
  return names;
}

// By model_type; by architecture where the file has no model_type. Where it has both they must
// agree: a classifier of a known model_type has other tensors.
Result<const Family*> choose_family(const JsonFields& config) {
  SY_ASSIGN(const std::string model_type, config.text_or("model_type", ""));
  SY_ASSIGN(const std::vector<std::string> architectures, config.texts("architectures"));
  if (model_type.empty() && architectures.empty()) {
    return config.problem(ErrorCode::kBadInput, "model_type", "missing, and architectures too");
  }
  for (const Family* family : families()) {
    const bool type_fits = model_type.empty() || model_type == family->model_type;
    const bool architecture_fits =
        architectures.empty() || std::find(architectures.begin(), architectures.end(),
                                           family->architecture) != architectures.end();
    if (type_fits && architecture_fits) return family;
  }
  return config.problem(
      ErrorCode::kUnsupported, "model_type",
      fmt::format("{} with architecture {}; there are: {}", quote_name(model_type),
                  quote_name(architectures.empty() ? "" : architectures.front()),
                  known_families()));
}

}  // namespace

std::span<const Family* const> families() {
  static const std::array<const Family*, 3> table = {
      &mixtral_family(),
      &olmoe_family(),
      &qwen3_moe_family(),
  };
  return table;
}

const Family* find_family(std::string_view model_type) {
  for (const Family* family : families()) {
    if (family->model_type == model_type) return family;
  }
  return nullptr;
}

Result<ModelConfig> parse_model_config(std::string_view json, std::string_view place) {
  SY_ASSIGN(const nlohmann::json root, parse_json_object(json, place, JsonLimits{}));
  const JsonFields fields(root, std::string(place));
  SY_ASSIGN(const Family* family, choose_family(fields));
  SY_ASSIGN(ModelConfig config, family->read_config(fields));
  config.family = family->model_type;
  if (auto valid = config.validate(); !valid) return with_place(valid.error(), place);
  return config;
}

}  // namespace switchyard::model

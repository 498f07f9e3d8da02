#include "runtime/model/generation_config.h"

#include "runtime/model/checkpoint/json_fields.h"
#include "runtime/model/checkpoint/mapped_file.h"
#include "runtime/model/checkpoint/token_fields.h"

namespace switchyard::model {
namespace {

constexpr std::size_t kBytesMax = std::size_t{1} << 20;

}  // namespace

Result<GenerationConfig> parse_generation_config(std::string_view json, std::string_view place) {
  SY_ASSIGN(const nlohmann::json root, parse_json_object(json, place, {kBytesMax, 16}));
  const JsonFields fields(root, std::string(place));
  GenerationConfig config;
  SY_ASSIGN(config.eos_tokens, read_token_ids(fields, "eos_token_id"));
  SY_ASSIGN(config.sample, fields.flag_or("do_sample", config.sample));
  SY_ASSIGN(const double temperature, fields.number_or("temperature", config.temperature));
  SY_ASSIGN(config.top_k, fields.count_or("top_k", config.top_k));
  SY_ASSIGN(const double top_p, fields.number_or("top_p", config.top_p));
  if (temperature < 0 || temperature > 1000) {
    return fields.problem(ErrorCode::kBadInput, "temperature",
                          fmt::format("{} is not in [0, 1000]", temperature));
  }
  if (top_p <= 0 || top_p > 1) {
    return fields.problem(ErrorCode::kBadInput, "top_p", fmt::format("{} is not in (0, 1]", top_p));
  }
  config.temperature = static_cast<float>(temperature);
  config.top_p = static_cast<float>(top_p);
  return config;
}

Result<GenerationConfig> read_generation_config(const std::string& directory) {
  const std::string path = directory + "/generation_config.json";
  const auto text = read_small_file(path, kBytesMax);
  if (!text && text.error().code == ErrorCode::kNotFound) return GenerationConfig{};
  if (!text) return Unexpected(text.error());
  return parse_generation_config(*text, path);
}

}  // namespace switchyard::model

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

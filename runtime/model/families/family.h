// runtime/model/families/family.h -- what differs between model families: keys and tensor names.
// A family is a row of data; a new one is a file here and a line in family_table.cpp.
// Thread safety: everything is immutable; safe.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/model/checkpoint/json_fields.h"
#include "runtime/model/model_config.h"
#include "runtime/model/weight_source.h"

namespace switchyard::model {

// A weight inside a tensor of the file: `shape` is the whole tensor's, the weight begins at an
// element of it and is contiguous (a slab of fused experts) or all of it.
struct TensorSlice {
  std::string name;
  std::vector<std::size_t> shape;
  std::size_t begin_element = 0;
};

struct Family {
  std::string_view model_type;    // config.json's model_type
  std::string_view architecture;  // config.json's architectures[0]
  // Errors: kBadInput, kUnsupported naming file and key. The result is validated by the caller.
  Result<ModelConfig> (*read_config)(const JsonFields& config);
  // Where a weight may be, best first; the first tensor that exists is taken. `id` exists in
  // `config`.
  std::vector<TensorSlice> (*locate)(const ModelConfig& config, const WeightId& id);
};

// All families, in the order in which messages list them.
[[nodiscard]] std::span<const Family* const> families();
// nullptr for an unknown model_type.
[[nodiscard]] const Family* find_family(std::string_view model_type);

// A config.json of any family, validated. Errors: kBadInput, kLimit naming place and key;
// kUnsupported listing the known families.
[[nodiscard]] Result<ModelConfig> parse_model_config(std::string_view json, std::string_view place);

[[nodiscard]] const Family& qwen3_moe_family();
[[nodiscard]] const Family& mixtral_family();
[[nodiscard]] const Family& olmoe_family();

}  // namespace switchyard::model

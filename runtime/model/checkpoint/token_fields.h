// runtime/model/checkpoint/token_fields.h -- token ids in JSON: an id, a list of ids, or null.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/model/checkpoint/json_fields.h"

namespace switchyard::model {

// Empty where the key is absent or null. Errors: kBadInput naming place and key.
[[nodiscard]] Result<std::vector<std::uint32_t>> read_token_ids(const JsonFields& fields,
                                                                const char* key);

}  // namespace switchyard::model

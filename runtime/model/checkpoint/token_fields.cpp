#include "runtime/model/checkpoint/token_fields.h"

#include <limits>

namespace switchyard::model {

Result<std::vector<std::uint32_t>> read_token_ids(const JsonFields& fields, const char* key) {
  SY_ASSIGN(const std::vector<std::size_t> numbers, fields.counts(key));
  std::vector<std::uint32_t> ids;
  for (const std::size_t number : numbers) {
    if (number > std::numeric_limits<std::uint32_t>::max()) {
      return fields.problem(ErrorCode::kBadInput, key, fmt::format("{} is no token id", number));
    }
    ids.push_back(static_cast<std::uint32_t>(number));
  }
  return ids;
}

}  // namespace switchyard::model

// Fuzzes config.json of all families: a configuration that is accepted is consistent.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/model/families/family.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = switchyard::model::parse_model_config(text, "config.json");
  if (config && !config->validate()) std::abort();
  return 0;
}

// Fuzzes YAML configuration files: settings or an error that names the file.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/config/config_yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto settings = switchyard::config::parse_yaml(text, "fuzz.yaml");
  if (!settings) {
    if (settings.error().message.find("fuzz.yaml") == std::string::npos) std::abort();
    return 0;
  }
  for (const auto& setting : *settings) {
    if (setting.key == nullptr) std::abort();
  }
  return 0;
}

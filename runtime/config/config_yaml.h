// runtime/config/config_yaml.h -- reads YAML configuration files, strictly: sections of scalar
// keys. Every mistake is an error with file and line: unknown or repeated section or key, nesting,
// lists, anchors, aliases, tags, a second document, a wrong type. Only the structure and the names
// are checked here; values are checked by set_value (key_table.h). yaml-cpp appears in no other
// file. Thread safety: shared objects safe (free functions).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/config/key_table.h"

namespace switchyard::config {

// A configuration file is at most this large; no real one comes near.
inline constexpr std::size_t kYamlBytesMax = std::size_t{1} << 20;

struct YamlSetting {
  const Key* key = nullptr;
  std::string text;
  std::string place;  // "cluster.yaml:12"
};

// The settings of a document in file order; `name` stands in messages and places.
// Errors: kConfig, "name:line: ...".
[[nodiscard]] Result<std::vector<YamlSetting>> parse_yaml(std::string_view text,
                                                          std::string_view name);

// The settings of a file. Relative kPath values come back joined to the folder of the file.
// Errors: kNotFound, kIo, kConfig, kLimit beyond kYamlBytesMax.
[[nodiscard]] Result<std::vector<YamlSetting>> read_yaml_file(const std::filesystem::path& path);

}  // namespace switchyard::config

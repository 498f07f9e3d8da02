// runtime/config/config_sources.h -- one configuration out of all its sources, each value with its
// origin. Precedence, weakest first: defaults, preset, file, environment, flags. Reads files; reads
// neither the environment nor argv: the launcher passes both in. Thread safety: distinct objects:
// safe; shared const objects: safe.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/config/key_table.h"

namespace switchyard::config {

// A value from the command line: `flag` is what the user typed ("--threads", "--set").
struct FlagSetting {
  std::string key;  // "device.threads"
  std::string text;
  std::string flag;
};

struct ConfigRequest {
  std::vector<std::filesystem::path> preset_dirs;  // looked through in order
  std::string preset;                              // name without ".yaml"; empty: none
  std::string file;                                // path of a YAML file; empty: none
  // Environment variables; only names that start with SWITCHYARD_ matter.
  std::map<std::string, std::string> environment;
  std::vector<FlagSetting> flags;  // a later one wins
};

// One key of the result. `source`: "default", "preset demo", "cluster.yaml:12",
// "SWITCHYARD_DEVICE_THREADS" or "--threads".
struct ConfigEntry {
  const Key* key = nullptr;
  std::string value;
  std::string source;
};

struct EffectiveConfig {
  RunConfig run;
  std::vector<ConfigEntry> entries;  // one per key, in table order

  [[nodiscard]] const ConfigEntry& entry(std::string_view full_name) const;
  // "device.threads (--threads)": a key and where its value came from, for messages.
  [[nodiscard]] std::string blame(std::string_view full_name) const;
};

// Reads all sources and validates the result (config_rules.h).
// Errors: kUsage (flags, unknown preset), kConfig (files, environment, rules), kNotFound, kIo,
// kLimit.
[[nodiscard]] Result<EffectiveConfig> load_config(const ConfigRequest& request);

// Splits "section.key=value" of --set. Errors: kUsage.
[[nodiscard]] Result<FlagSetting> parse_set_flag(std::string_view text);

// The presets of the directories: names without ".yaml", sorted, each once.
[[nodiscard]] std::vector<std::string> preset_names(
    const std::vector<std::filesystem::path>& preset_dirs);

}  // namespace switchyard::config
